// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mholt/caddy-l4/layer4"
	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend/frontendtest"
)

// deserted returns the path of a Unix socket without a listener. A connect is refused immediately:
// over TCP, a busy kernel may answer later, from outside of a synctest bubble.
func deserted(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	ln.(*net.UnixListener).SetUnlinkOnClose(false)
	ln.Close()
	return ln.Addr().String()
}

// Clients of servers that are all dead: without a budget each makes retries + 1 attempts, with one
// the budget bounds them. A retry that it forbids changes only the text of the connection's error.
func TestRetryBudget(t *testing.T) {
	const clients, spent = 1000, "; not retried: the retry budget of the backend is used up"
	for i, c := range []struct {
		budget string
		want   uint64
	}{
		{``, 4 * clients},
		{`"retry_budget": {"percent": 20},`, clients + 200 + 10},
		{`"retry_budget": {"percent": 20, "min_per_second": 0},`, clients + 200},
		{`"retry_budget": {"percent": 150, "min_per_second": 100},`, clients + 1500 + 100},
	} {
		var servers []string
		for n := range 4 { // a retry has another server to go to, without a pause
			servers = append(servers, fmt.Sprintf(`{"name": "s%d", "address": "unix/%s"}`, n+1, deserted(t)))
		}
		name := fmt.Sprintf("budget-%d", i)
		app, ctx := frontendtest.App(t, map[string]string{name: fmt.Sprintf(`{%s "servers": [%s]}`, c.budget, strings.Join(servers, ", "))})
		h := &Handler{Name: name, DefaultBackend: name}
		logged := provisioned(t, ctx, app, h)
		raw := hellotest.Plain(hellotest.SNI("a.test")).Raw()
		synctest.Test(t, func(t *testing.T) { // all of it in one instant
			var group sync.WaitGroup
			for range clients {
				group.Go(func() {
					cx := layer4.WrapConnection(&connAt{local: elsewhere}, raw, zap.NewNop())
					if err := h.Handle(cx, nil); err != nil {
						t.Error(err)
					}
				})
			}
			group.Wait()
			time.Sleep(time.Second) // until the log is written
		})
		var connects uint64
		for _, s := range h.router.Default.Pool().Servers() {
			connects += s.Failed()
		}
		if connects != c.want {
			t.Errorf("%s: %d connects of %d clients, want %d", c.budget, connects, clients, c.want)
		}
		if logged.Len() != clients {
			t.Errorf("%s: %d log lines, want %d", c.budget, logged.Len(), clients)
		}
		var retries int64
		for _, line := range logged.All() {
			fields := line.ContextMap()
			n, message := fields["retries"].(int64), fields["error"].(string)
			retries += n
			if fields["end"] != "connect_failed" || fields["termination"] != "SC" || fields["ended_by"] != "server" || !strings.Contains(message, "refused") {
				t.Fatalf("%s: logged as %v", c.budget, fields)
			}
			if strings.HasSuffix(message, "refused"+spent) != (n < 3) {
				t.Fatalf("%s: error %q after %d retries", c.budget, message, n)
			}
		}
		if uint64(clients+retries) != connects {
			t.Errorf("%s: %d retries in the log, and %d connects", c.budget, retries, connects)
		}
	}
}
