// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"strings"
	"testing"
	"time"

	"github.com/mholt/caddy-l4/layer4"
	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// The delay counts from accept, by the monotonic clock.
func TestDelayCountsFromAccept(t *testing.T) {
	cx := layer4.WrapConnection(new(hellotest.Conn), nil, zap.NewNop())
	const earlier = 3 * time.Second
	cx.Replacer().Set(layer4.ConnWrapTimeReplKey, time.Now().Add(-earlier).UTC())
	c := newConnection(&Frontend{conns: new(connCount)}, ofRoute(cx))
	defer c.hello.Release()
	if since := time.Since(c.accepted); since < earlier || since > earlier+time.Minute {
		t.Errorf("began %v ago, want %v", since, earlier)
	}
	if !strings.Contains(c.accepted.String(), " m=") {
		t.Errorf("began at %v, by the time of day", c.accepted)
	}
}

// All matchers of other plugins look at one connection.
func TestMatchersShareOneConnection(t *testing.T) {
	routed := layer4.WrapConnection(new(hellotest.Conn), nil, zap.NewNop())
	for name, from := range map[string]client{"of a route": ofRoute(routed), "plain": {Conn: new(hellotest.Conn), logger: zap.NewNop()}} {
		c := newConnection(&Frontend{conns: new(connCount)}, from)
		c.hello.Feed(hellotest.Hello(t, "a.example.test"))
		first := c.connForMatchers()
		if c.connForMatchers() != first {
			t.Errorf("%s: another connection was made", name)
		}
		if name, _ := first.Replacer().GetString("l4.client_hello.sni"); name != "a.example.test" {
			t.Errorf("placeholder sni is %q", name)
		}
		c.matchersConn = nil // as when more is read
		c.forget()
		if sni, known := c.layer4().Replacer().GetString("l4.client_hello.sni"); known {
			t.Errorf("%s: placeholder sni is %q after the hello has been given back", name, sni)
		}
	}
}

// A plain connection has variables, which its matchers see. A lookup of a variable does not create
// a connection of layer4.
func TestVariablesOfAPlainConnection(t *testing.T) {
	accepted := time.Now().Add(-time.Hour)
	c := newConnection(&Frontend{conns: new(connCount)}, client{Conn: new(hellotest.Conn), accepted: accepted, logger: zap.NewNop()})
	defer c.hello.Release()
	if _, set := c.variable("sess.x"); set || c.routed != nil {
		t.Error("a connection of layer4 was made for a variable that is not set")
	}
	c.setVar("sess.x", sample.Text("a"))
	if v, set := c.variable("sess.x"); !set || v.String() != "a" {
		t.Errorf("the variable is %v, %v", v, set)
	}
	if v, _ := c.connForMatchers().Replacer().GetString("l4.vars.sess.x"); v != "a" {
		t.Errorf("the placeholder is %q", v)
	}
	if at, _ := c.layer4().Replacer().Get(layer4.ConnWrapTimeReplKey); !accepted.Equal(at.(time.Time)) {
		t.Errorf("accepted at %v, want %v", at, accepted)
	}
}
