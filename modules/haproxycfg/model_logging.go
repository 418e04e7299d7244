// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

var (
	syslogFacilities = strings.Fields("kern user mail daemon auth syslog lpr news uucp cron auth2 ftp ntp audit alert cron2 local0 local1 local2 local3 local4 local5 local6 local7")
	logFormats       = strings.Fields("local rfc3164 rfc5424 priority short timed iso raw")
	syslogLevels     = strings.Fields("emerg alert crit err warning notice info debug")
)

// logTarget validates "log global" and "log ADDRESS [len N] [format F] [sample R] FACILITY [LEVEL
// [MINIMUM]]".
func logTarget(args []string) error {
	if len(args) == 1 && args[0] == "global" {
		return nil
	}
	if len(args) < 2 {
		return errors.New(": expects <address> and <facility> or global as arguments")
	}
	if !isLogTarget(args[0]) {
		return fmt.Errorf(": invalid address: '%s': expected an address, the path of a socket, stdout, stderr or ring@NAME", args[0])
	}
	args, err := cutLogOptions(args[1:])
	if err != nil {
		return err
	}
	if !slices.Contains(syslogFacilities, args[0]) {
		return fmt.Errorf(": unknown log facility '%s'%s", args[0], didYouMean(args[0], syslogFacilities))
	}
	for _, level := range args[1:] {
		if !slices.Contains(syslogLevels, level) {
			return fmt.Errorf(": unknown optional log level '%s'%s", level, didYouMean(level, syslogLevels))
		}
	}
	return atMost(3)(args)
}

// cutLogOptions validates the options before the facility, and returns the words after them.
func cutLogOptions(args []string) (rest []string, err error) {
	for len(args) > 2 && slices.Contains([]string{"len", "format", "sample", "profile"}, args[0]) {
		switch n, _ := strconv.Atoi(args[1]); {
		case args[0] == "len" && (n < 80 || n > 65535):
			return nil, fmt.Errorf(": invalid log length '%s', must be between 80 and 65535", args[1])
		case args[0] == "format" && !slices.Contains(logFormats, args[1]):
			return nil, fmt.Errorf(": unknown log format '%s'%s", args[1], didYouMean(args[1], logFormats))
		}
		args = args[2:]
	}
	return args, nil
}

// isLogTarget tells an address from the word that follows a missing one.
func isLogTarget(text string) bool {
	return text == "stdout" || text == "stderr" || strings.ContainsAny(text, "/@:.$")
}

// clf validates the argument of option tcplog.
func clf(args []string) error {
	if len(args) == 1 && args[0] == "clf" {
		return nil
	}
	return noArgs(args)
}

// setDirectory changes the start of relative file names.
func (t *translation) setDirectory(s statement) {
	if s.args[0] == "origin" {
		if len(s.args) < 2 || !filepath.IsAbs(s.args[1]) {
			t.errorf(s.Pos, "'default-path origin' expects an absolute path")
			return
		}
		t.baseDir = s.args[1]
		return
	}
	dir, err := filepath.Abs(filepath.Dir(s.File))
	if s.File == "" || err != nil {
		t.errorf(s.Pos, "'default-path %s': %v", s.args[0], errNoDirectory)
		return
	}
	if s.args[0] == "parent" {
		dir = filepath.Dir(dir)
	}
	t.baseDir = dir
}

// atLeastBranch compares a version such as 3.2 or 2.6-dev4.
func atLeastBranch(branch string, major, minor int) bool {
	var a, b int
	if n, _ := fmt.Sscanf(branch, "%d.%d", &a, &b); n != 2 {
		return false
	}
	return a > major || a == major && b >= minor
}
