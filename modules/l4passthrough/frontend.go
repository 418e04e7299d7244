// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/durable"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend"
	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
)

func init() {
	caddy.RegisterModule(new(Frontend))
}

// Frontend is a frontend of the app passthrough, which listens itself. It has the options of the
// handler layer4.handlers.passthrough, except name, which is its key in frontends, and listeners,
// which are name and id of bind.
type Frontend struct {
	// Bind lists the addresses that it listens on.
	Bind []*Bind `json:"bind,omitempty"`

	Handler

	ctx       caddy.Context
	listeners []listening
	closed    chan struct{}
	closing   sync.Once // of closed
}

// listening is an open listener and the way into the frontend that its connections take.
type listening struct {
	net.Listener
	entry  *frontend.Entry
	counts *frontend.Listener
}

// CaddyModule returns the Caddy module information.
func (*Frontend) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "passthrough.frontend",
		New: func() caddy.Module { return new(Frontend) },
	}
}

// Provision parses the addresses and provisions the Handler.
func (f *Frontend) Provision(ctx caddy.Context) error {
	mod, err := ctx.App("passthrough")
	if err != nil {
		return fmt.Errorf("getting the passthrough app: %w", err)
	}
	app := mod.(*balancer.App)
	f.ctx, f.logger, f.closed = ctx, ctx.Logger(), make(chan struct{})
	f.placement = placementOf(ctx, app)
	if err := f.provisionBinds(); err != nil {
		return f.report(err)
	}
	if err := f.setUp(f.plain()); err != nil {
		return f.report(err)
	}
	return f.report(f.provision(ctx, app))
}

// provisionBinds parses the addresses and makes listeners of them, for fetches.
func (f *Frontend) provisionBinds() error {
	if len(f.Listeners) > 0 {
		return errors.New("unexpected listeners: expected name and id in bind")
	}
	if len(f.Bind) == 0 {
		return errors.New("no address to listen on: expected bind, such as bind :443")
	}
	for i, b := range f.Bind {
		if err := b.provision(); err != nil {
			return f.at("bind", i, fmt.Errorf("bind %d: %w", i+1, err))
		}
		if f.PassesOn() && !b.isDurable() {
			return f.at("bind", i, fmt.Errorf("bind %d: action next: expected a durable address, such as :443, not %q: an http server is to have it as well", i+1, b.Address))
		}
	}
	f.Listeners = listeners(f.Bind)
	return nil
}

// plain returns the addresses that lose connections on reload.
func (f *Frontend) plain() (plain []string) {
	for _, b := range f.Bind {
		if !b.isDurable() {
			plain = append(plain, b.listen)
		}
	}
	return plain
}

// Addresses returns the addresses that the frontend listens on, for durable.Validate.
func (f *Frontend) Addresses() (all []durable.Listening) {
	for _, b := range f.Bind {
		all = append(all, durable.Listening{Address: b.listen, Interface: b.Interface, Namespace: b.Namespace, PassesOn: f.PassesOn()})
	}
	return all
}

// Listen opens the listeners and serves their connections. If one fails to open, it closes all.
func (f *Frontend) Listen() error {
	for i, b := range f.Bind {
		opened, err := b.open(f.ctx)
		for _, ln := range opened {
			entry := b.entry()
			entry.Address = ln.Addr().String()
			entry.Next = durable.Passer(ln) // always: the configuration that decides may be a later one
			entry.Listener = frontend.OpenListener(frontend.ListenerInfo{
				Frontend: f.Name, Name: cmp.Or(b.Name, entry.Address), Address: entry.Address, Unnamed: b.Name == "", Number: len(f.listeners) + 1, MaxConn: b.MaxConn,
			})
			f.listeners = append(f.listeners, listening{ln, f.frontend.Entry(entry), entry.Listener})
		}
		if err != nil {
			f.StopListening()
			return f.report(f.at("bind", i, fmt.Errorf("bind %s: %w", b.Address, err)))
		}
	}
	f.frontend.OnShutdown(f.StopListening)
	for _, ln := range f.listeners {
		durable.LimitBy(ln.Listener, Pausing(ln.entry))
		durable.TakeBy(ln.Listener, ln.entry.ServeOnShard)
		go f.accept(ln)
	}
	return nil
}

// StopListening closes the listeners. Accepted connections go on.
func (f *Frontend) StopListening() {
	f.closing.Do(func() {
		close(f.closed)
		for _, ln := range f.listeners {
			ln.counts.Close()
		}
	})
	for _, ln := range f.listeners {
		if err := ln.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			f.logger.Error("closing a listener", zap.String("frontend", f.Name), zap.Stringer("address", ln.Addr()), zap.Error(err))
		}
	}
}

// Pauses after an Accept that has failed, from the first to the longest.
const (
	minAcceptPause = 5 * time.Millisecond
	maxAcceptPause = time.Second
)

// accept serves the connections of a listener until it is closed. Errors of durable listeners are
// final; those of others may be temporary, such as a lack of descriptors.
func (f *Frontend) accept(ln listening) {
	for pause := time.Duration(0); ; {
		conn, err := ln.Accept()
		if err == nil {
			pause = 0
			ln.entry.Go(conn)
			continue
		}
		if f.isClosed() || errors.Is(err, net.ErrClosed) {
			return
		}
		pause = min(max(2*pause, minAcceptPause), maxAcceptPause)
		f.logger.Error("accepting connections", zap.String("frontend", f.Name), zap.Stringer("address", ln.Addr()), zap.Duration("next_try", pause), zap.Error(err))
		select {
		case <-time.After(pause):
		case <-f.closed:
			return
		}
	}
}

func (f *Frontend) isClosed() bool {
	select {
	case <-f.closed:
		return true
	default:
		return false
	}
}

// UnmarshalCaddyfile sets up the frontend. Syntax:
//
//	frontend <name> {
//		bind <address…> {
//			name <name>
//			id <number>
//			mode <octal>
//			keepalive_idle <duration>|off
//			keepalive_interval <duration>
//			keepalive_count <number>
//			backlog <number>
//			maxconn <number>
//			transparent
//			interface <name>
//			namespace <name>|<path>
//			ipv6_only | dual_stack
//			defer_accept
//			tfo
//			mss <number>
//			tcp_user_timeout <duration>
//			accept_proxy [required|optional] <network>|private_ranges|unix…
//			accept_netscaler_cip <magic> [required|optional] <network>|private_ranges|unix…
//		}
//		<option of the handler passthrough> …
//	}
//
// For those options see Handler.UnmarshalCaddyfile.
func (f *Frontend) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the word frontend
	f.BeginBlock(d)
	begin := *d
	name, err := options.Arg(d)
	if err != nil {
		return err
	}
	table := f.Handler.Options()
	delete(table, "name")
	delete(table, "listener")
	table["bind"] = options.Repeatable(f.parseBind)
	if err := table.With(listeningAdvice()).With(advice()).With(balancer.BackendAdvice()).ParseBlock(d); err != nil {
		return err
	}
	f.EndBlock()
	if len(f.Bind) == 0 {
		return begin.Errf("frontend %q: no address to listen on: expected bind, such as bind :443", name)
	}
	return f.validateWritten(&begin, name)
}

// Interface guards
var (
	_ caddy.Module          = (*Frontend)(nil)
	_ caddy.Provisioner     = (*Frontend)(nil)
	_ caddyfile.Unmarshaler = (*Frontend)(nil)
)
