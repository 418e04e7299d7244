// SPDX-License-Identifier: Apache-2.0

package lbsocket

import (
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// only picks the only server.
type only struct{}

func (*only) Pick(v pool.View, _ *pool.Request) *pool.Server { return v.Servers[0] }

// wait ends when the server has no connections, or at the end of the delay.
func TestWait(t *testing.T) {
	t.Parallel()
	p, err := balancer.Registry().Open(pool.Config{Backend: "wait", Policy: new(only), Servers: []pool.ServerConfig{{Name: "s", Address: "192.0.2.1:443", Weight: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	p.Activate()
	lease, err := p.Acquire(t.Context(), new(pool.Request))
	if err != nil {
		t.Fatal(err)
	}
	s := testServer(Admin)
	for line, want := range map[string]string{
		"wait":                              "Expects a duration in milliseconds.\n\n",
		"wait x":                            "Invalid duration.\n\n",
		"wait 1;show cli level":             "\nadmin\n\n",
		"wait 1ms srv-unused wait/s":        "Wait delay expired.\n\n",
		"wait 1m srv-removable wait/s":      "Failed. Only servers in maintenance mode can be deleted.\n\n",
		"wait 1m srv-unused wait/nope":      "Failed. No such server.\n\n",
		"wait 1m srv-nope wait/s":           waitUsage + "\n",
		"wait 1m srv-unused":                "Missing server name (<backend>/<server>).\n\n",
		"wait 1m srv-unused wait":           "Require 'backend/server'.\n\n",
		"show peers":                        "\n",
		"show peers dict":                   "\n",
		"show peers - p":                    "No such peers\n\n",
		"wait -h":                           waitUsage + "\n",
		"user;set server wait/s weight 100": "\nPermission denied\n\n",
	} {
		if got := talk(t, s, line+"\n"); got != want {
			t.Errorf("%s: got %q, want %q", line, got, want)
		}
	}
	if got := talk(t, s, "set server wait/s state maint\n"); got != "\n" {
		t.Fatalf("got %q", got)
	}
	answer := make(chan string)
	go func() { answer <- talk(t, testServer(Admin), "wait 1m srv-removable wait/s\n") }()
	select {
	case got := <-answer:
		t.Errorf("the server has a connection: got %q", got)
	case <-time.After(3 * poll):
	}
	lease.Release(pool.Served)
	if got := <-answer; got != "Done.\n\n" {
		t.Errorf("got %q", got)
	}
}
