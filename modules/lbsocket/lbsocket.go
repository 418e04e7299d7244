// SPDX-License-Identifier: Apache-2.0

// Package lbsocket is HAProxy's stats socket: the module passthrough.socket serves its commands as
// text, on a Unix socket or an address, for programs and scripts that were made for HAProxy. The
// commands show and change the process, whatever configuration runs. A client takes a goroutine and
// two buffers, and nothing else waits for it.
package lbsocket

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/durable"
	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
)

func init() {
	caddy.RegisterModule(new(Socket))
}

// HAProxy's defaults of stats timeout and stats maxconn, and its maximum of the latter.
const (
	defaultTimeout = 10 * time.Second
	defaultMaxConn = 10

	// MaxClients is the maximum of the option maxconn.
	MaxClients = 10_000
)

// Socket is a socket for HAProxy's commands. It is HAProxy's stats socket.
type Socket struct {
	// Address is the path of a Unix socket, unix//PATH, unix/@NAME, abns/NAME, fd/NUMBER or HOST:PORT.
	// Its socket outlives reloads. Clients of an address are not authenticated.
	Address string `json:"address,omitempty"`

	// Level limits the commands of clients: user, operator or admin. Default: operator.
	Level string `json:"level,omitempty"`

	// Mode is the mode of a Unix socket, octal. Write permission is permission to connect. Default:
	// 0200.
	Mode string `json:"mode,omitempty"`

	// User and Group own the path of the Unix socket: names or numbers. Default: those of the process.
	User  string `json:"user,omitempty"`
	Group string `json:"group,omitempty"`

	// Timeout closes a connection that is idle for that long. Default: 10s. It is HAProxy's stats
	// timeout.
	Timeout caddy.Duration `json:"timeout,omitempty"`

	// MaxConn bounds the concurrent connections. Further ones wait. Default: 10. It is HAProxy's stats
	// maxconn.
	MaxConn int `json:"maxconn,omitempty"`

	ctx      caddy.Context
	listen   string // the address with its network and mode
	path     string // of a Unix socket; empty: it has none
	owner    durable.Owner
	server   *server
	listener net.Listener
}

// CaddyModule returns the Caddy module information.
func (*Socket) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "passthrough.socket",
		New: func() caddy.Module { return new(Socket) },
	}
}

// Provision validates the options.
func (s *Socket) Provision(ctx caddy.Context) error {
	s.ctx = ctx
	if err := s.provision(); err != nil {
		return fmt.Errorf("socket %q: %w", s.Address, err)
	}
	return nil
}

func (s *Socket) provision() (err error) {
	if err := s.resolve(caddy.NewReplacer().ReplaceAll(s.Address, "")); err != nil {
		return err
	}
	if err := options.ValidateDuration("timeout", s.Timeout); err != nil {
		return err
	}
	level := slices.Index(levels, cmp.Or(s.Level, Operator.String()))
	switch {
	case level < 0:
		return fmt.Errorf("level %q: expected %s", s.Level, strings.Join(levels, ", "))
	case s.MaxConn < 0 || s.MaxConn > MaxClients:
		return fmt.Errorf("maxconn %d: expected a whole number from 1 to %d", s.MaxConn, MaxClients)
	case (s.User != "" || s.Group != "") && s.path == "":
		return errors.New("user and group: expected the path of a Unix socket with them")
	}
	if s.owner, err = ownerOf(s.User, s.Group); err != nil {
		return err
	}
	timeout := cmp.Or(time.Duration(s.Timeout), defaultTimeout)
	s.server = newServer(s.name(), Level(level), timeout, cmp.Or(s.MaxConn, defaultMaxConn), s.ctx.Logger())
	return nil
}

// Listen opens the socket and serves its clients.
func (s *Socket) Listen() error {
	address, err := caddy.ParseNetworkAddress(s.listen)
	if err != nil {
		return fmt.Errorf("socket %q: %w", s.Address, err)
	}
	opened, err := address.Listen(durable.WithOptions(s.ctx, durable.Options{Owner: s.owner}), 0, net.ListenConfig{})
	if err != nil {
		return fmt.Errorf("socket %q: %w", s.Address, err)
	}
	s.listener = opened.(net.Listener)
	if at, ok := s.listener.Addr().(*net.TCPAddr); ok && !at.IP.IsLoopback() {
		s.ctx.Logger().Warn("the socket is open to other hosts, and does not authenticate clients: expected the path of a Unix socket, or an address of loopback",
			zap.String("address", at.String()), zap.Stringer("level", s.server.level))
	}
	s.server.open()
	go s.server.run(s.listener)
	return nil
}

// StopListening closes the socket, unless another configuration has it. Clients that are connected
// are served further.
func (s *Socket) StopListening() {
	if s.listener != nil {
		s.server.close()
		_ = s.listener.Close()
		s.listener = nil
	}
}

// Addresses returns the address of the socket. It is for durable.Validate.
func (s *Socket) Addresses() []durable.Listening { return []durable.Listening{{Address: s.listen}} }

// UnmarshalCaddyfile sets up the socket. Syntax:
//
//	socket <path>|<address> {
//		level user|operator|admin
//		mode <octal>
//		user <name>
//		group <name>
//		timeout <duration>
//		maxconn <number>
//	}
func (s *Socket) UnmarshalCaddyfile(d *caddyfile.Dispenser) (err error) {
	d.Next() // consume the option's name
	if s.Address, err = options.Arg(d); err != nil {
		return err
	}
	begin := *d
	err = options.Table{
		"level":   options.Text(&s.Level),
		"mode":    options.Text(&s.Mode),
		"user":    options.Text(&s.User),
		"group":   options.Text(&s.Group),
		"timeout": options.Duration(&s.Timeout),
		"maxconn": options.Int(&s.MaxConn, 1, MaxClients),
	}.ParseLine(d)
	if err != nil || strings.Contains(s.Address, "{") { // Provision replaces placeholders
		return err
	}
	checked := *s
	if err := checked.resolve(s.Address); err != nil {
		return begin.Errf("socket %q: %w", s.Address, err)
	}
	return nil
}

// Interface guards
var (
	_ caddy.Module          = (*Socket)(nil)
	_ caddy.Provisioner     = (*Socket)(nil)
	_ caddyfile.Unmarshaler = (*Socket)(nil)
)
