// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
	"github.com/caddy-passthrough/caddy-passthrough/modules/syslog"
	"github.com/caddy-passthrough/caddy-passthrough/modules/syslogwriter"
)

// logTarget is where a log line sends: an address, or a ring.
type logTarget struct {
	haproxyfile.Pos
	syslogwriter.Writer
	ring    string
	nowhere bool // the target is not available
}

// The default of len, and the port of a target without one.
const (
	logLength = 1024
	logPort   = 514
)

// addLog reads "log global" and "log ADDRESS [len N] [format F] [sample R] [profile P] FACILITY
// [LEVEL [MINIMUM]]", of a proxy or of the section global (p is nil), and "no log".
func addLog(t *translation, p *proxy, s statement) {
	t.logs = true
	to := &t.globalTargets
	if p != nil {
		to = &p.targets
	}
	switch {
	case s.not && len(s.args) > 0:
		t.errorf(s.Pos, "log : 'no log' does not expect arguments, and has '%s'", s.args[0])
	case s.not:
		*to = nil
	case p != nil && len(s.args) == 1 && s.args[0] == "global":
		for _, target := range t.globalTargets {
			if !slices.Contains(*to, target) {
				*to = append(slices.Clip(*to), target)
			}
		}
	default:
		target, err := t.parseLogTarget(s)
		if err != nil {
			t.errorf(s.Pos, "log : %v", err)
			return
		}
		*to = append(slices.Clip(*to), target)
	}
}

func (t *translation) parseLogTarget(s statement) (*logTarget, error) {
	if len(s.args) < 2 {
		return nil, errors.New("expects <address> and <facility> or global as arguments")
	}
	target := &logTarget{Pos: s.Pos}
	rest, err := target.cutOptions(s.args[1:])
	if err != nil {
		return nil, err
	}
	if err := target.setLevels(s.args[0], rest); err != nil {
		return nil, err
	}
	if err := target.setAddress(s.args[0], t.getenv); err != nil {
		return nil, err
	}
	if target.nowhere {
		t.notice(s.Pos, differs, "there is no mode log: nothing is sent there", "log "+s.args[0])
	}
	if i := slices.Index(s.args, "profile"); i > 0 && i < len(s.args)-len(rest) {
		t.notice(s.Pos, differs, noteLogProfile, "profile")
	}
	return target, nil
}

// cutOptions reads the options before the facility, in HAProxy's order, and returns the words after
// them.
func (l *logTarget) cutOptions(args []string) (rest []string, err error) {
	for _, o := range []struct {
		name string
		set  func(text string) error
	}{
		{"len", l.setLength},
		{"format", func(text string) error {
			l.Format = text
			return logFormat(text)
		}},
		{"sample", func(text string) error {
			l.Sample = text
			_, err := syslog.ParseSampling(text)
			return err
		}},
		{"profile", func(string) error { return nil }},
	} {
		if len(args) < 2 || args[0] != o.name {
			continue
		}
		if err := o.set(args[1]); err != nil {
			return nil, err
		}
		args = args[2:]
	}
	return args, nil
}

func logFormat(text string) error {
	if !slices.Contains(syslog.Formats, text) {
		return fmt.Errorf("unknown log format '%s'%s", text, didYouMean(text, syslog.Formats))
	}
	return nil
}

func (l *logTarget) setLength(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < 80 || n > 65535 {
		return fmt.Errorf("invalid log length '%s', must be between 80 and 65535", text)
	}
	l.Length = n
	return nil
}

// setLevels reads FACILITY [LEVEL [MINIMUM]].
func (l *logTarget) setLevels(address string, args []string) error {
	if len(args) == 0 {
		return errors.New("expects <address> and <facility> or global as arguments")
	}
	if !slices.Contains(syslog.Facilities, args[0]) {
		if slices.Contains(syslog.Facilities, address) {
			return fmt.Errorf("invalid address: '%s': expected an address, the path of a socket, stdout, stderr or ring@NAME", address)
		}
		if slices.Contains([]string{"len", "format", "sample"}, args[0]) {
			return fmt.Errorf("unknown log facility '%s': expected len, format, sample and profile in this order", args[0])
		}
		return fmt.Errorf("unknown log facility '%s'%s", args[0], didYouMean(args[0], syslog.Facilities))
	}
	l.Facility = args[0]
	for i, to := range []*string{&l.Level, &l.MinLevel} {
		if len(args) < i+2 {
			return nil
		}
		if *to = args[i+1]; !slices.Contains(syslog.Severities, *to) {
			return fmt.Errorf("unknown optional %slog level '%s'%s", []string{"", "minimum "}[i], *to, didYouMean(*to, syslog.Severities))
		}
	}
	if len(args) > 3 {
		return fmt.Errorf("cannot handle unexpected argument '%s'", args[3])
	}
	return nil
}

// sendHostname reads "log-send-hostname [NAME]".
func sendHostname(t *translation, _ *proxy, s statement) {
	if t.hostname != "" {
		t.warnf(s.Pos, "'log-send-hostname' already specified: this line is ignored")
		return
	}
	if t.hostname = s.arg(0); t.hostname == "" {
		t.hostname = "{system.hostname}"
	}
}

// setLogTag reads "log-tag NAME", of a proxy or of the section global.
func setLogTag(t *translation, p *proxy, s statement) {
	if p == nil {
		t.tag = s.args[0]
		return
	}
	p.tag = s.args[0]
}

func logTag(args []string) error {
	switch {
	case len(args) == 0 || args[0] == "":
		return errors.New("expects a tag for use in syslog")
	case len(args) > 1:
		return fmt.Errorf("cannot handle unexpected argument '%s'", args[1])
	}
	return nil
}
