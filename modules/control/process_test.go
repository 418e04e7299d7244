// SPDX-License-Identifier: Apache-2.0

package control

import (
	"errors"
	"os"
	"slices"
	"testing"

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
