// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/google/go-cmp/cmp"
)

// Plain addresses become durable unless another server overlaps them.
func TestUpgraded(t *testing.T) {
	for _, c := range []struct {
		listen, other, want []string
	}{
		{[]string{":443"}, nil, []string{"durable/:443"}},
		{[]string{":443", "127.0.0.1:443"}, []string{":80"}, []string{"durable/:443", "durable/127.0.0.1:443"}},
		{[]string{":443", ":8443"}, []string{"127.0.0.1:443"}, []string{":443", "durable/:8443"}},
		{[]string{"127.0.0.1:443"}, []string{"127.0.0.2:443", "durable/:8443"}, []string{"durable/127.0.0.1:443"}},
		{[]string{":8000-8010"}, []string{":8010"}, []string{":8000-8010"}},
		{[]string{":8000-8010"}, []string{":8011"}, []string{"durable/:8000-8010"}},
		{[]string{"tcp/:443", "tcp6/:443", "unix//run/x.sock", "durable/:8443", ":0", "passthrough/x"}, nil, []string{"tcp/:443", "tcp6/:443", "unix//run/x.sock", "durable/:8443", ":0", "passthrough/x"}},
	} {
		server := &caddyhttp.Server{Listen: c.listen}
		servers := map[string]*caddyhttp.Server{"srv0": server, "srv1": {Listen: c.other}}
		if diff := cmp.Diff(c.want, Upgraded(server, servers)); diff != "" {
			t.Errorf("%v beside %v: -want +got\n%s", c.listen, c.other, diff)
		}
	}
}
