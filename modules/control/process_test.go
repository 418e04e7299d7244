// SPDX-License-Identifier: Apache-2.0

package control

import (
	"errors"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/limits"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

func TestProcess(t *testing.T) {
	p := ProcessNow()
	if p.PID != os.Getpid() || p.Started.IsZero() || p.Threads < 1 || p.Go == "" || p.Memory.Heap == 0 || p.Memory.System < p.Memory.Heap {
		t.Errorf("%+v", p)
	}
	defer limits.Process.MaxConn.Drop()
	defer limits.Process.ConnRate.Drop()
	got, err := ChangeProcess(BySocket, ProcessChange{MaxConn: new(100), ConnRate: new(7), SessionRate: new(0)})
	want := []pool.Changed{{Key: "maxconn", From: "0", To: "100"}, {Key: "max_conn_rate", From: "0", To: "7"}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	if p := ProcessNow(); p.MaxConn != 100 || p.ConnRateLimit != 7 || p.SessionRateLimit != 0 {
		t.Errorf("%+v", p)
	}
	if _, err := ChangeProcess(BySocket, ProcessChange{MaxConn: new(5), ConnRate: new(-1)}); !errors.Is(err, ErrInvalid) || limits.Process.MaxConn.Load() != 100 {
		t.Errorf("%v, and maxconn is %d", err, limits.Process.MaxConn.Load())
	}
}

func TestUnknownFrontend(t *testing.T) {
	if _, err := ChangeFrontend(ByAdmin, "nothing", FrontendChange{Enabled: new(true)}); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
	if _, err := ChangeFrontend(ByAdmin, "nothing", FrontendChange{MaxConn: new(-1)}); !errors.Is(err, ErrInvalid) {
		t.Error(err)
	}
	if err := ShutdownFrontend(ByAdmin, "nothing"); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
	if _, err := FrontendOf("nothing"); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
}

// Everything that was set is listed, and can be dropped.
func TestOverrides(t *testing.T) {
	b, _ := serving(t, pool.ServerConfig{Name: "s1", Address: "10.0.0.1:443", Weight: 4})
	if _, err := ChangeServer(BySocket, b, "s1", ServerChange{Weight: "2", Address: "10.0.0.9", Health: new(pool.HealthDown)}); err != nil {
		t.Fatal(err)
	}
	if _, err := ChangeProcess(ByAdmin, ProcessChange{SessionRate: new(9)}); err != nil {
		t.Fatal(err)
	}
	var got []Override
	for _, o := range Overrides() {
		if o.At.IsZero() {
			t.Errorf("%+v has no time", o)
		}
		o.At = time.Time{}
		if o.Backend == b || o.Key == "max_sess_rate" {
			got = append(got, o)
		}
	}
	want := []Override{
		{Key: "max_sess_rate", Configured: "0", Value: "9", By: string(ByAdmin)},
		{Backend: b, Server: "s1", Key: "weight", Configured: "4", Value: "2", By: string(BySocket)},
		{Backend: b, Server: "s1", Key: "address", Configured: "10.0.0.1:443", Value: "10.0.0.9:443", By: string(BySocket)},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %+v", got)
	}
	if n, err := DropOverride(ByAdmin, b, "s1", "", "weight"); n != 1 || err != nil {
		t.Errorf("weight: %d, %v", n, err)
	}
	if n := DropAllOverrides(ByAdmin); n < 2 || len(Overrides()) != 0 {
		t.Errorf("dropped %d, left %+v", n, Overrides())
	}
	if s, err := ServerOf(b, "s1"); err != nil || s.Address != "10.0.0.1:443" || s.Weight != 4 || s.Health != pool.HealthDown {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := DropOverride(ByAdmin, b, "s2", "", ""); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
	if _, err := DropOverride(ByAdmin, "", "", "nothing", ""); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
}
