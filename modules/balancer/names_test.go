// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"errors"
	"net"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddy-passthrough/caddy-passthrough/modules/resolve"
)

// Each change of a name is one log line that mentions the DNS.
func TestNamesAreLogged(t *testing.T) {
	core, logged := observer.New(zapcore.DebugLevel)
	one, two := []netip.Addr{netip.MustParseAddr("192.0.2.1")}, []netip.Addr{netip.MustParseAddr("192.0.2.2")}
	gone := &resolve.Error{Host: "web.test", Err: &net.DNSError{IsNotFound: true, Server: "192.0.2.53:53"}}
	broken := &resolve.Error{Host: "web.test", Err: errors.New("server misbehaving")}
	for _, c := range []resolve.Change{
		{Host: "web.test", Err: broken},
		{Host: "web.test", Err: broken, Before: one, After: one},
		{Host: "web.test", Err: gone, Before: one, After: one},
		{Host: "web.test", Err: gone, Before: one},
		{Host: "web.test", After: two},
		{Host: "web.test", Before: one, After: two},
	} {
		logName(zap.New(core), c)
	}
	var got []string
	for _, line := range logged.All() {
		fields := line.ContextMap()
		text := line.Level.String() + " " + line.Message
		if err, ok := fields["error"].(string); ok {
			text += ": " + err
		}
		if fields["host"] != "web.test" || len(fields["addresses"].([]any)) > 1 {
			t.Errorf("%v", fields)
		}
		got = append(got, text)
	}
	const odd, none = ": resolving web.test: server misbehaving (DNS)", ": resolving web.test: no such host (DNS); asked 192.0.2.53:53"
	want := []string{
		"error host name has no addresses" + odd,
		"warn resolving a host name failed: keeping its last addresses" + odd,
		"warn host name not found in DNS: keeping its addresses for a while" + none,
		"error host name has no addresses" + none,
		"info host name resolves again",
		"info addresses of a host name changed",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
