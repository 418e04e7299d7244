// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"syscall"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
	"github.com/caddy-passthrough/caddy-passthrough/modules/stick"
)

// A Redis that is stopped, but whose connections are open, delays few lookups.
func TestSilentRedis(t *testing.T) {
	t.Parallel()
	s := startRedis(t)
	store := provisioned(t, Redis{URL: s.url(), Timeout: caddy.Duration(2 * time.Second)})
	m := join(t, store, shared(t, "server_id"))
	m.awaitConnected()
	m.share.timeout = 20 * time.Millisecond // no probe of the session that runs
	_ = s.cmd.Process.Signal(syscall.SIGSTOP)
	asked := 0
	for until := time.Now().Add(time.Minute); m.share.Fetches([]byte("x")) && time.Now().Before(until); asked++ {
		m.share.Fetch([]byte("x"))
	}
	if asked != maxFailures {
		t.Errorf("%d lookups before the breaker opened, want %d", asked, maxFailures)
	}
	programs.Until(t, "the node sees it", func() bool { return m.share.Status().State == stick.Unreachable })
	m.share.Close()
	_ = s.cmd.Process.Signal(syscall.SIGCONT)
}
