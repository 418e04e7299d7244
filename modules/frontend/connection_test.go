// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"strings"
	"testing"
	"time"

	"github.com/mholt/caddy-l4/layer4"
	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// The delay counts from accept, by a clock that nobody can set.
func TestBeganAtAccept(t *testing.T) {
	cx := layer4.WrapConnection(new(hellotest.Conn), nil, zap.NewNop())
	const earlier = 3 * time.Second
	cx.Replacer().Set(layer4.ConnWrapTimeReplKey, time.Now().Add(-earlier).UTC())
	c := newConnection(&Frontend{conns: new(count)}, cx)
	defer c.hello.Release()
	if since := time.Since(c.began); since < earlier || since > earlier+time.Minute {
		t.Errorf("began %v ago, want %v", since, earlier)
	}
	if !strings.Contains(c.began.String(), " m=") {
		t.Errorf("began at %v, by the time of day", c.began)
	}
}

// However many rules have matchers of other kinds, they look at one connection.
func TestMatchersShareOneConnection(t *testing.T) {
	cx := layer4.WrapConnection(new(hellotest.Conn), nil, zap.NewNop())
	c := newConnection(&Frontend{conns: new(count)}, cx)
	defer c.hello.Release()
	c.hello.Feed(hellotest.Hello(t, "a.example.test"))
	first := c.matching()
	if c.matching() != first {
		t.Error("another connection was made")
	}
	if name, _ := first.Replacer().GetString("l4.client_hello.sni"); name != "a.example.test" {
		t.Errorf("placeholder sni is %q", name)
	}
}
