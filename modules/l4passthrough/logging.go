// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/l4acl"
	"github.com/caddy-passthrough/caddy-passthrough/modules/logformat"
	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// Logging says when a frontend's connections are logged, and how the log encoder tcplog writes the
// lines.
type Logging struct {
	// LogFormat is the format of the lines that the encoder tcplog writes: text with aliases such as
	// %ci and expressions such as %[var(sess.sni)]. It is HAProxy's log-format. Default: the format of
	// HAProxy's option tcplog.
	LogFormat string `json:"log_format,omitempty"`

	// LogFormatSD is the format of RFC 5424's structured data, which the encoder tcplog writes with
	// structured_data. It is HAProxy's log-format-sd.
	LogFormatSD string `json:"log_format_sd,omitempty"`

	// ErrorLogFormat replaces LogFormat for connections that fail before anything is known of them,
	// such as those with an invalid PROXY header. It is HAProxy's error-log-format.
	ErrorLogFormat string `json:"error_log_format,omitempty"`

	// LogAsSoonAs is the event at which a connection is logged instead of at its end: accepted or
	// connected. With connected, one that gets no server is logged at its end, and in the lines of the
	// encoder tcplog a plus sign is before the numbers that may still grow: HAProxy's option logasap.
	LogAsSoonAs string `json:"log_as_soon_as,omitempty"`

	// LogSteps are the events at which a connection is logged, each with a line of its own: accepted,
	// connected, closed. It is HAProxy's log-steps. Default: closed.
	LogSteps []string `json:"log_steps,omitempty"`

	// LogFingerprints are the fingerprints of the hello in the log: ja3, ja4.
	LogFingerprints []string `json:"log_fingerprints,omitempty"`

	// DontLogNull leaves out connections whose client has sent nothing. It is HAProxy's option
	// dontlognull.
	DontLogNull bool `json:"dontlognull,omitempty"`

	// DontLogNormal leaves out connections that have ended without an error, a retry or a redispatch.
	// It is HAProxy's option dontlog-normal.
	DontLogNormal bool `json:"dontlog_normal,omitempty"`

	// LogSeparateErrors makes the level of all others error. It is HAProxy's option
	// log-separate-errors.
	LogSeparateErrors bool `json:"log_separate_errors,omitempty"`
}

// logSteps are the names of the steps in a configuration.
var logSteps = map[string]tcplog.Step{"accepted": tcplog.Accepted, "connected": tcplog.Connected, "closed": tcplog.Closed}

// isSet reports whether there is any option about the log.
func (l *Logging) isSet() bool {
	return l.LogFormat != "" || l.LogFormatSD != "" || l.ErrorLogFormat != "" || l.LogAsSoonAs != "" || len(l.LogSteps) > 0 || len(l.LogFingerprints) > 0 ||
		l.DontLogNull || l.DontLogNormal || l.LogSeparateErrors
}

// compileLogging returns the options of the frontend's log, or nil.
func (h *Handler) compileLogging() (*tcplog.Options, error) {
	l := &h.Logging
	if !l.isSet() && !h.setsLogLevel() {
		return nil, nil
	}
	o := &tcplog.Options{SkipSilent: l.DontLogNull, SkipNormal: l.DontLogNormal, SeparateErrors: l.LogSeparateErrors}
	for _, f := range []struct {
		word, text string
		of         **logformat.Format
	}{{"log_format", l.LogFormat, &o.Format}, {"log_format_sd", l.LogFormatSD, &o.StructuredData}, {"error_log_format", l.ErrorLogFormat, &o.ErrorFormat}} {
		format, err := h.parseFormat(f.word, f.text)
		if err != nil {
			return nil, err
		}
		*f.of = format
	}
	for _, name := range l.LogFingerprints {
		if err := options.ValidateWord("log_fingerprints", name, []string{"ja3", "ja4"}); err != nil {
			return nil, err
		}
		o.Fingerprints.JA3, o.Fingerprints.JA4 = o.Fingerprints.JA3 || name == "ja3", o.Fingerprints.JA4 || name == "ja4"
	}
	return o, l.setSteps(o)
}

// parseFormat parses the format of an option, or returns nil if it is empty.
func (h *Handler) parseFormat(option, text string) (*logformat.Format, error) {
	if text == "" {
		return nil, nil
	}
	captures := 0
	if h.Content != nil {
		captures = countCaptures(h.Content.Rules)
	}
	f, err := logformat.Parse(h.app.Loader(), text, logformat.Options{Captures: captures})
	if err != nil {
		return nil, h.at(option, 0, fmt.Errorf("%s %q: %w", option, text, err))
	}
	return f, nil
}

// setsLogLevel reports whether rules set the severity of lines.
func setsLogLevel(config *rules.Config) bool {
	return config != nil && slices.ContainsFunc(config.Rules, func(r *rules.Rule) bool { return r.Action == "set_log_level" })
}

// setsLogLevel reports whether rules of the frontend or of a backend set the severity of lines.
func (h *Handler) setsLogLevel() bool {
	if setsLogLevel(h.Content) || setsLogLevel(&h.earlyRules[1]) || setsLogLevel(&h.earlyRules[0]) || setsLogLevel(h.Backend.Content) {
		return true
	}
	for _, b := range h.app.Backends {
		if setsLogLevel(b.Content) {
			return true
		}
	}
	return false
}

// countCaptures returns the number of slots that rules fill.
func countCaptures(list []*rules.Rule) (slots int) {
	for _, r := range list {
		if n, is := strings.CutPrefix(r.Var, sample.CaptureVariable); is {
			slot, _ := strconv.Atoi(n)
			slots = max(slots, slot+1)
		}
	}
	return slots
}

// setSteps sets the steps that have a line.
func (l *Logging) setSteps(o *tcplog.Options) error {
	switch {
	case l.LogAsSoonAs != "" && len(l.LogSteps) > 0:
		return errors.New("log_as_soon_as and log_steps are mutually exclusive")
	case l.LogAsSoonAs == "connected":
		o.Soon, o.Incomplete = true, true
	case l.LogAsSoonAs == "accepted":
		o.Steps[tcplog.Accepted] = true
	case l.LogAsSoonAs != "":
		return options.ValidateWord("log_as_soon_as", l.LogAsSoonAs, []string{"accepted", "connected"})
	case len(l.LogSteps) == 0:
		o.Steps = tcplog.AtEnd
	}
	for _, word := range l.LogSteps {
		step, ok := logSteps[word]
		if !ok {
			return options.ValidateWord("log_steps", word, []string{"accepted", "connected", "closed"})
		}
		o.Steps[step] = true
	}
	return nil
}

// validateLogQuestions returns an error if a format asks about an object that does not exist.
func (h *Handler) validateLogQuestions() error {
	for _, e := range h.logging.Expressions() {
		for _, q := range e.Questions() {
			if err := h.validateQuestion(h.app, h.Name, q); err != nil {
				return h.at("log_format", 0, fmt.Errorf("log format: %w", err))
			}
		}
	}
	return nil
}

// logOptions returns the words about the log in a frontend's block.
func (h *Handler) logOptions() options.Table {
	return options.Table{
		"log_format":          h.noteLine("log_format", logFormat(&h.LogFormat)),
		"log_format_sd":       h.noteLine("log_format_sd", logFormat(&h.LogFormatSD)),
		"error_log_format":    h.noteLine("error_log_format", logFormat(&h.ErrorLogFormat)),
		"log_as_soon_as":      options.OneOf(&h.LogAsSoonAs, []string{"accepted", "connected"}),
		"log_steps":           options.Texts(&h.LogSteps),
		"log_fingerprints":    options.Texts(&h.LogFingerprints),
		"dontlognull":         options.Flag(&h.DontLogNull),
		"dontlog_normal":      options.Flag(&h.DontLogNormal),
		"log_separate_errors": options.Flag(&h.LogSeparateErrors),
	}
}

// logFormat returns the parser of a format.
func logFormat(to *string) func(*caddyfile.Dispenser) error {
	return func(d *caddyfile.Dispenser) (err error) {
		option := d.Val()
		if *to, err = options.Arg(d); err != nil {
			return err
		}
		if _, err = logformat.Parse(l4acl.WithoutFiles(), *to, logformat.Options{}); err != nil {
			return d.Errf("%s: %w", option, err)
		}
		return nil
	}
}
