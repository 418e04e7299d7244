// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/mholt/caddy-l4/layer4"
	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend/frontendtest"
)

// answersAfter starts a server that sends its name to each client after a while, once it has heard
// of it.
func answersAfter(t *testing.T, name byte, pause time.Duration) net.Addr {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = c.Read(make([]byte, 4096))
				time.Sleep(pause)
				_, _ = c.Write([]byte{name})
				_, _ = io.Copy(io.Discard, c)
			}()
		}
	}()
	return ln.Addr()
}

// With policy peak_ewma, a server that answers late gets few of the connections, which stay.
func TestPeakEWMAOfRealServers(t *testing.T) {
	h := &Handler{Name: "slow"}
	if err := json.Unmarshal(fmt.Appendf(nil, `{"balance": {"policy": "peak_ewma"}, "servers": [{"name": "A", "address": %q}, {"name": "B", "address": %q}, {"name": "C", "address": %q}]}`,
		answersAfter(t, 'A', 0), answersAfter(t, 'B', 100*time.Millisecond), answersAfter(t, 'C', 0)), &h.Backend); err != nil {
		t.Fatal(err)
	}
	app, ctx := frontendtest.App(t, nil)
	provisioned(t, ctx, app, h)
	t.Cleanup(h.Backend.Close)
	counts := make(map[byte]int)
	const n = 60
	for range n {
		client, server := frontendtest.Connected(t)
		go func() { _ = h.Handle(layer4.WrapConnection(server, nil, zap.NewNop()), nil) }()
		if _, err := client.Write(newSpecimen(t, "a.example.test", "").raw); err != nil {
			t.Fatal(err)
		}
		_ = client.SetDeadline(time.Now().Add(time.Minute))
		got := make([]byte, 1)
		if _, err := io.ReadFull(client, got); err != nil {
			t.Fatal(err)
		}
		counts[got[0]]++
	}
	if counts['B'] == 0 || counts['B'] > n/6 {
		t.Errorf("A %d, B %d, C %d connections, and B is slow", counts['A'], counts['B'], counts['C'])
	}
}
