// SPDX-License-Identifier: Apache-2.0

package tcplog

import (
	"slices"

	"go.uber.org/zap/zapcore"

	"github.com/caddy-passthrough/caddy-passthrough/modules/syslog"
)

// Severity is a severity of syslog, and 1 more than its number; 0: it is not set.
type Severity uint8

// The severities.
const (
	Emerg Severity = iota + 1
	Alert
	Crit
	Err
	Warning
	Notice
	Info
	Debug

	NotLogged Severity = 15 // HAProxy's silent
)

// ParseSeverity returns the severity of one of syslog's names, or NotLogged for silent.
func ParseSeverity(name string) (Severity, bool) {
	if name == "silent" {
		return NotLogged, true
	}
	n := slices.Index(syslog.Severities, name) + 1
	return Severity(n), n > 0
}

// digit returns the severity's digit.
func (s Severity) digit() byte { return '0' + byte(s) - 1 }

// level returns the level of a line with the severity.
func (s Severity) level() zapcore.Level {
	switch {
	case s <= Err:
		return zapcore.ErrorLevel
	case s == Warning:
		return zapcore.WarnLevel
	case s == Debug:
		return zapcore.DebugLevel
	}
	return zapcore.InfoLevel
}
