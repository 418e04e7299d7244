// SPDX-License-Identifier: Apache-2.0

// Package syslogwriter implements the log writer caddy.logging.writers.syslog, which sends the
// lines of any of Caddy's loggers to a syslog target. No logger ever waits for the target.
package syslogwriter

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/syslog"
)

func init() {
	caddy.RegisterModule(new(Writer))
}

// The limits of a message's length.
const minLength, maxLength = 80, 65_535

// Writer sends lines to a syslog target: those of connections in the form that their encoder has,
// each as one message. A line that begins with <N>, an object whose first member is level, and a
// line of Caddy's console encoder have their severity; others are info.
//
// Lines wait in a buffer of a bounded size while the target does not take them. Those for which
// there is no room are dropped, counted and reported in the log of the process, once a second.
type Writer struct {
	// Address is where to send: udp/10.0.0.1:514, tcp/10.0.0.1:601, unixgram//dev/log,
	// unix//run/log.sock, stdout, stderr, or fd/3. Without a network it is udp, without a port 514.
	// Required.
	Address string `json:"address,omitempty"`

	// Format is the form of messages: local, rfc3164, rfc5424, priority, short, timed, iso or raw.
	// Default: local, which is RFC 3164 without a host name.
	Format string `json:"format,omitempty"`

	// Framing separates messages on a stream: legacy, by newlines, or octet-count (RFC 6587).
	// Default: legacy.
	Framing string `json:"framing,omitempty"`

	// Facility is kern, user, daemon, local0 to local7 or another one that HAProxy knows. Default:
	// local0.
	Facility string `json:"facility,omitempty"`

	// Tag is the name of the program in messages. Default: caddy.
	Tag string `json:"tag,omitempty"`

	// Hostname is the name of the machine in messages; placeholders are allowed. Default: in rfc3164
	// and rfc5424 the machine's, in local none.
	Hostname string `json:"hostname,omitempty"`

	// Length is the number of bytes of a message, with its newline, beyond which it is cut: 80 to
	// 65535. Default: 0, not cut.
	Length int `json:"length,omitempty"`

	// Level leaves out messages that are less important: emerg, alert, crit, err, warning, notice,
	// info or debug. Default: debug.
	Level string `json:"level,omitempty"`

	// MinLevel is the severity of messages that are more important. Default: they keep theirs.
	MinLevel string `json:"min_level,omitempty"`

	// Sample selects some of the messages: 1,3-5:10 is the first and the third to fifth of every ten.
	// Default: all.
	Sample string `json:"sample,omitempty"`

	// Buffer is the number of bytes that wait for the target, 65536 at least. Default: 1 MiB.
	Buffer int64 `json:"buffer,omitempty"`

	dialer  syslog.Dialer
	options syslog.Options
}

// CaddyModule returns the Caddy module information.
func (*Writer) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "caddy.logging.writers.syslog",
		New: func() caddy.Module { return new(Writer) },
	}
}

// Provision validates the options.
func (w *Writer) Provision(caddy.Context) error {
	if err := w.provision(); err != nil {
		return fmt.Errorf("syslog: %w", err)
	}
	return nil
}

func (w *Writer) provision() (err error) {
	if w.dialer, err = parseAddress(w.Address); err != nil {
		return err
	}
	o := &w.options
	o.Header = syslog.Header{Facility: syslog.Local0, Tag: w.Tag, PID: os.Getpid()}
	if w.Tag == "" {
		o.Header.Tag = "caddy"
	}
	if err := errors.Join(
		parse(&o.Header.Facility, w.Facility, syslog.ParseFacility),
		parse(&o.Header.Format, w.Format, syslog.ParseFormat),
		parse(&o.Framing, w.Framing, syslog.ParseFraming),
		parse(&o.MinLevel, w.MinLevel, syslog.ParseSeverity),
		parse(&o.Sampling, w.Sample, syslog.ParseSampling),
	); err != nil {
		return err
	}
	if o.Header.Hostname, err = caddy.NewReplacer().ReplaceOrErr(w.Hostname, true, true); err != nil {
		return fmt.Errorf("hostname: %w", err)
	}
	o.Level = syslog.Debug
	if err := parse(&o.Level, w.Level, syslog.ParseSeverity); err != nil {
		return err
	}
	if w.Hostname == "" && (o.Header.Format == syslog.RFC3164 || o.Header.Format == syslog.RFC5424) {
		o.Header.Hostname, _ = os.Hostname()
	}
	return w.provisionSizes()
}

func (w *Writer) provisionSizes() error {
	if w.Length != 0 && (w.Length < minLength || w.Length > maxLength) {
		return fmt.Errorf("length %d: expected %d to %d", w.Length, minLength, maxLength)
	}
	if err := syslog.ValidateBuffer(w.Buffer); err != nil {
		return err
	}
	w.options.Length, w.options.Buffer = w.Length, int(w.Buffer)
	return nil
}

// parse sets a value unless its text is empty.
func parse[T any](to *T, text string, f func(string) (T, error)) error {
	if text == "" {
		return nil
	}
	v, err := f(text)
	if err == nil {
		*to = v
	}
	return err
}

// String returns the address.
func (w *Writer) String() string { return "syslog " + w.Address }

// WriterKey returns what identifies the target: configurations that agree in all options share it,
// so that a reload loses no line.
func (w *Writer) WriterKey() string {
	key, _ := json.Marshal(w) // text and numbers only
	return "syslog:" + string(key)
}

// OpenWriter starts the target. It connects with the first line.
func (w *Writer) OpenWriter() (io.WriteCloser, error) {
	o, address := w.options, w.Address
	o.Name = address
	o.Failed = func(err error) {
		caddy.Log().Named("syslog").Warn("sending log lines failed: trying again", zap.String("address", address), zap.Error(err))
	}
	o.Report = func(dropped uint64) {
		caddy.Log().Named("syslog").Error("log lines dropped: the target did not take them",
			zap.String("address", address), zap.Uint64("lines", dropped))
	}
	return syslog.Writer{Target: syslog.Open(w.dialer, o)}, nil
}

// Interface guards
var (
	_ caddy.Module       = (*Writer)(nil)
	_ caddy.Provisioner  = (*Writer)(nil)
	_ caddy.WriterOpener = (*Writer)(nil)
)
