// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// A server that does not answer costs the connect timeout, not more.
func TestConnectTimeout(t *testing.T) {
	p, address := startServers(t, "retries 1\n timeouts connect 300ms", programs.Unanswering(t))
	answer, took, err := stimulus{say: hellotest.Hello(t, "www.example.test")}.play(t, address)
	if err != nil || string(answer) != "\x15\x03\x01\x00\x02\x02\x50" {
		t.Errorf("the client got %q (%v)", answer, err)
	}
	l := p.sessions(t, 1)[0]
	if l.Termination != "sC" || l.End != "connect_timeout" || l.Retries != 1 || took < 600*time.Millisecond {
		t.Errorf("took %v, log line %+v", took, l)
	}
}
