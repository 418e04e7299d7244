// SPDX-License-Identifier: Apache-2.0

// Package journal implements the log writer caddy.logging.writers.journal, which sends the lines of
// any of Caddy's loggers to systemd's journal by its native protocol, with the members of lines in
// JSON as fields. No logger ever waits for the journal: lines that it does not take are dropped,
// counted and reported, as those of package syslog.
package journal

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/syslog"
)

func init() {
	caddy.RegisterModule(new(Writer))
}

const (
	defaultSocket     = "/run/systemd/journal/socket"
	defaultIdentifier = "caddy"
)

// Writer sends lines to systemd's journal. MESSAGE is the line as its encoder has written it,
// PRIORITY that of its level; see the writer syslog. If the line is a JSON object, its members are
// fields as well, their names in capitals: SNI, BACKEND, DURATION. A list of texts is a field for
// each of them, and a member that is an object is JSON.
//
// Lines wait in a buffer of a bounded size while the journal does not take them. Those for which
// there is no room are dropped, counted and reported in the log of the process, once a second.
type Writer struct {
	// Identifier is the entries' SYSLOG_IDENTIFIER, by which journalctl -t finds them. Default: caddy.
	Identifier string `json:"identifier,omitempty"`

	// Level leaves out lines that are less important: emerg, alert, crit, err, warning, notice, info
	// or debug. Default: debug.
	Level string `json:"level,omitempty"`

	// Buffer is the number of bytes that wait for the journal, 65536 at least. Default: 1 MiB.
	Buffer int64 `json:"buffer,omitempty"`

	// Socket is the path of the journal's socket, for another namespace. Default:
	// /run/systemd/journal/socket.
	Socket string `json:"socket,omitempty"`

	level syslog.Severity
}

// CaddyModule returns the Caddy module information.
func (*Writer) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "caddy.logging.writers.journal",
		New: func() caddy.Module { return new(Writer) },
	}
}

// Provision validates the options.
func (w *Writer) Provision(caddy.Context) error {
	if err := w.provision(); err != nil {
		return fmt.Errorf("log writer journal: %w", err)
	}
	return nil
}

func (w *Writer) provision() (err error) {
	if w.level = syslog.Debug; w.Level != "" {
		if w.level, err = syslog.ParseSeverity(w.Level); err != nil {
			return err
		}
	}
	return syslog.ValidateBuffer(w.Buffer)
}

// socket returns the path of the socket.
func (w *Writer) socket() string {
	if w.Socket == "" {
		return defaultSocket
	}
	return w.Socket
}

// String returns the path of the socket.
func (w *Writer) String() string { return "journal " + w.socket() }

// WriterKey returns what identifies the target: configurations that agree in all options share it,
// so that a reload loses no line.
func (w *Writer) WriterKey() string {
	key, _ := json.Marshal(w) // text and numbers only
	return "journal:" + string(key)
}

// OpenWriter starts the target. It fails if there is no journal.
func (w *Writer) OpenWriter() (io.WriteCloser, error) {
	d, path := dialer(w.socket()), w.socket()
	conn, err := d.Dial(context.Background())
	if err != nil {
		return nil, fmt.Errorf("systemd's journal is not reachable: %w", err)
	}
	_ = conn.Close()
	identifier := w.Identifier
	if identifier == "" {
		identifier = defaultIdentifier
	}
	return syslog.Writer{Target: syslog.Open(d, syslog.Options{
		Name:   "journal",
		Level:  w.level,
		Buffer: int(w.Buffer),
		Encode: func(b []byte, s syslog.Severity, text []byte) []byte { return appendEntry(b, identifier, s, text) },
		Failed: func(err error) {
			caddy.Log().Named("journal").Warn("sending log lines failed: trying again", zap.String("socket", path), zap.Error(err))
		},
		Report: func(dropped uint64) {
			caddy.Log().Named("journal").Error("log lines dropped: the journal did not take them", zap.String("socket", path), zap.Uint64("lines", dropped))
		},
	})}, nil
}

// UnmarshalCaddyfile sets up the writer. Syntax:
//
//	journal {
//	    identifier  <text>
//	    level       <least>
//	    buffer      <bytes>
//	    socket      <path>
//	}
func (w *Writer) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the writer's name
	if d.NextArg() {
		return d.Errf("unexpected %q: expected journal and a block of options", d.Val())
	}
	table := options.Table{
		"identifier": options.Text(&w.Identifier),
		"level":      options.Text(&w.Level),
		"buffer":     options.Bytes(&w.Buffer),
		"socket":     options.Text(&w.Socket),
	}
	begin := *d
	if err := table.ParseBlock(d); err != nil {
		return err
	}
	if err := w.provision(); err != nil {
		return options.Wrap(&begin, fmt.Errorf("log writer journal: %w", err))
	}
	return nil
}

// Interface guards
var (
	_ caddy.Module          = (*Writer)(nil)
	_ caddy.Provisioner     = (*Writer)(nil)
	_ caddy.WriterOpener    = (*Writer)(nil)
	_ caddyfile.Unmarshaler = (*Writer)(nil)
)
