// SPDX-License-Identifier: Apache-2.0

// Package syslog formats lines as syslog messages, and sends them to a target without ever making
// the caller wait: what the target does not take in time is dropped and counted. Formats and names
// are those of HAProxy's log lines.
package syslog

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// Severity is the importance of a message (RFC 5424 6.2.1): 0 is the highest.
type Severity uint8

// The severities that lines of Caddy's levels get.
const (
	Emergency Severity = iota
	Alert
	Critical
	Error
	Warning
	Notice
	Info
	Debug
)

// Severities holds HAProxy's names of severities, by number. It must not be changed.
var Severities = []string{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}

// String returns the name.
func (s Severity) String() string { return Severities[s] }

// ParseSeverity returns the severity of a name, such as notice.
func ParseSeverity(name string) (Severity, error) {
	n, err := indexOf(Severities, "level", name)
	return Severity(n), err
}

// Facility says what kind of program a message comes from (RFC 5424 6.2.1).
type Facility uint8

// Facilities holds HAProxy's names of facilities, by number. It must not be changed.
var Facilities = []string{
	"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news",
	"uucp", "cron", "auth2", "ftp", "ntp", "audit", "alert", "cron2",
	"local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
}

// Local0 is the default facility.
const Local0 Facility = 16

// String returns the name.
func (f Facility) String() string { return Facilities[f] }

// ParseFacility returns the facility of a name, such as local0.
func ParseFacility(name string) (Facility, error) {
	n, err := indexOf(Facilities, "facility", name)
	return Facility(n), err
}

func indexOf(names []string, what, name string) (int, error) {
	if i := slices.Index(names, name); i >= 0 {
		return i, nil
	}
	return 0, fmt.Errorf("unknown %s %q: expected one of %s", what, name, strings.Join(names, ", "))
}

// levels maps how Caddy's encoders write a level to its severity.
var levels = []struct {
	json, console []byte
	severity      Severity
}{
	{[]byte(`"info"`), []byte("INFO"), Info},
	{[]byte(`"error"`), []byte("ERROR"), Error},
	{[]byte(`"warn"`), []byte("WARN"), Warning},
	{[]byte(`"debug"`), []byte("DEBUG"), Debug},
	{[]byte(`"panic"`), []byte("PANIC"), Critical},
	{[]byte(`"fatal"`), []byte("FATAL"), Alert},
}

// Split returns the severity of a line that an encoder has written, and the line without it if it
// is a prefix: <N> as systemd has it, the level at the start of a JSON object, or that of a line
// for the console. Other lines are Info.
func Split(line []byte) (Severity, []byte) {
	if len(line) > 3 && line[0] == '<' && line[2] == '>' && '0' <= line[1] && line[1] <= '7' {
		return Severity(line[1] - '0'), line[3:]
	}
	object, isJSON := bytes.CutPrefix(line, []byte(`{"level":`))
	_, console, isConsole := bytes.Cut(line[:min(len(line), consoleLevel)], []byte("\t"))
	if _, uncolored, colored := bytes.Cut(console, []byte("m")); colored && console[0] == '\x1b' {
		console = uncolored
	}
	for _, l := range levels {
		switch {
		case isJSON && bytes.HasPrefix(object, l.json), !isJSON && isConsole && bytes.HasPrefix(console, l.console):
			return l.severity, line
		}
	}
	return Info, line
}

// consoleLevel is where the level in a line for the console ends, at most.
const consoleLevel = 48
