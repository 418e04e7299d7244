// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"errors"
	"fmt"
	"net"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

func init() { caddy.RegisterModule(new(earlyApp)) }

// earlyApp listens on all addresses of a port, then on several of them, each with its own answer,
// and connects to each of these before its configuration runs.
type earlyApp struct {
	Port int `json:"port,omitempty"`

	ctx       caddy.Context
	listeners []net.Listener
}

// addressesOfEarlyApp is the number of addresses beside 0.0.0.0: one starts long before the last.
const addressesOfEarlyApp = 30

// earlyClients are the clients of the latest earlyApp.
var earlyClients [addressesOfEarlyApp]net.Conn

func (*earlyApp) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "durable_early", New: func() caddy.Module { return new(earlyApp) }}
}

func (a *earlyApp) Provision(ctx caddy.Context) error {
	a.ctx = ctx
	return nil
}

func (a *earlyApp) Start() error {
	if err := a.listen("0.0.0.0", 0); err != nil {
		return err
	}
	for i := range earlyClients {
		if err := a.listen(fmt.Sprintf("127.0.0.%d", 1+i), byte(1+i)); err != nil {
			return err
		}
	}
	for i := range earlyClients {
		var err error
		if earlyClients[i], err = net.DialTimeout("tcp", fmt.Sprintf("127.0.0.%d:%d", 1+i, a.Port), patience); err != nil {
			return err
		}
	}
	return nil
}

func (a *earlyApp) listen(host string, answer byte) error {
	addr, err := caddy.ParseNetworkAddress(fmt.Sprintf("durable4/%s:%d", host, a.Port))
	if err != nil {
		return err
	}
	ln, err := addr.Listen(a.ctx, 0, net.ListenConfig{})
	if err != nil {
		return err
	}
	a.listeners = append(a.listeners, ln.(net.Listener))
	go serve(ln.(net.Listener), answer)
	return nil
}

func (a *earlyApp) Stop() (err error) {
	for _, ln := range a.listeners {
		err = errors.Join(err, ln.Close())
	}
	return err
}

// A client that connects before the configuration runs is served by the most specific address, too,
// although only the widest listens until then.
func TestOverlapStartsNarrowestFirst(t *testing.T) {
	eachWay(t, testOverlapStartsNarrowestFirst, byAccept, byTaker)
}

func testOverlapStartsNarrowestFirst(t *testing.T) {
	config := fmt.Appendf(nil, `{
		"admin": {"disabled": true, "config": {"persist": false}},
		"logging": {"logs": {"default": {"level": "ERROR"}}},
		"apps": {"durable_early": {"port": %d}}
	}`, unused(t))
	if err := caddy.Load(config, true); err != nil {
		t.Fatal(err)
	}
	for i, c := range earlyClients {
		if got, err := answerOf(c); got != byte(1+i) || err != nil {
			t.Errorf("127.0.0.%d answers %d, %v, want %[1]d", 1+i, got, err)
		}
	}
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
}

// Interface guards
var (
	_ caddy.App         = (*earlyApp)(nil)
	_ caddy.Provisioner = (*earlyApp)(nil)
)
