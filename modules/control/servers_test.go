// SPDX-License-Identifier: Apache-2.0

package control

import (
	"errors"
	"slices"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// first picks the first server.
type first struct{}

func (*first) Pick(v pool.View, _ *pool.Request) *pool.Server { return v.Servers[0] }

// serving opens a backend named after the test.
func serving(t *testing.T, servers ...pool.ServerConfig) (name string, p *pool.Pool) {
	t.Helper()
	name = t.Name()
	p, err := balancer.Registry().Open(pool.Config{Backend: name, Policy: new(first), Servers: servers})
	if err != nil {
		t.Fatal(err)
	}
	p.Activate()
	t.Cleanup(p.Close)
	return name, p
}

func TestChangeServer(t *testing.T) {
	b, _ := serving(t, pool.ServerConfig{Name: "s1", Address: "10.0.0.1:443", Weight: 4},
		pool.ServerConfig{Name: "s2", Address: "10.0.0.2:443", Weight: 4, HealthConfig: pool.HealthConfig{Track: pool.Ref{Backend: t.Name(), Server: "s1"}}})
	for _, tt := range []struct {
		change ServerChange
		want   []pool.Changed
	}{
		{ServerChange{}, nil},
		{ServerChange{Weight: "4"}, nil},
		{ServerChange{Weight: "50%", MaxConn: new(7)}, []pool.Changed{{Key: "weight", From: "4", To: "2"}, {Key: "maxconn", From: "0", To: "7"}}},
		{ServerChange{Admin: new(pool.Drain)}, []pool.Changed{{Key: "admin", From: "ready", To: "drain"}}},
		{ServerChange{Health: new(pool.HealthStopping)}, []pool.Changed{{Key: "health", From: "up", To: "stopping"}}},
		{ServerChange{Health: new(pool.HealthDown)}, []pool.Changed{{Key: "health", From: "stopping", To: "down"}}},
		{ServerChange{Health: new(pool.HealthUp)}, []pool.Changed{{Key: "health", From: "down", To: "up"}}},
	} {
		got, err := ChangeServer(BySocket, b, "s1", tt.change)
		if err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("%+v: got %v, %v, want %v", tt.change, got, err, tt.want)
		}
	}
	for _, tt := range []struct {
		backend, server string
		change          ServerChange
		kind, is        error
	}{
		{"nothing", "s1", ServerChange{}, ErrUnknown, pool.ErrNoBackend},
		{b, "s3", ServerChange{}, ErrUnknown, pool.ErrNoSuchServer},
		{b, "s1", ServerChange{Weight: "257"}, ErrInvalid, nil},
		{b, "s1", ServerChange{MaxConn: new(-1)}, ErrInvalid, nil},
		{b, "s2", ServerChange{Health: new(pool.HealthDown)}, ErrConflict, pool.ErrTracks},
		{b, "s1", ServerChange{Agent: new(pool.HealthDown)}, ErrConflict, pool.ErrNoAgent},
	} {
		if _, err := ChangeServer(ByAdmin, tt.backend, tt.server, tt.change); !errors.Is(err, tt.kind) || tt.is != nil && !errors.Is(err, tt.is) {
			t.Errorf("%+v: %v", tt, err)
		}
	}
}
