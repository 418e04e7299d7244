// SPDX-License-Identifier: Apache-2.0

//go:build !race

package listeners

import (
	"testing"

	_ "github.com/mholt/caddy-l4/layer4" // the listener wrapper layer4
	_ "github.com/mholt/caddy-l4/modules/l4echo"
	_ "github.com/mholt/caddy-l4/modules/l4ssh"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// Behind caddy-l4's listener wrapper, the port has a protocol of caddy-l4's routes, too. caddy-l4
// 0.1.2 has a data race when its wrapper passes a connection on (in layer4/listener.go), so this
// test is not for the race detector.
func TestListenerBehindLayer4(t *testing.T) {
	const ssh = "SSH-2.0-test\r\n"
	for _, network := range networks {
		t.Run(network, func(t *testing.T) {
			at := programs.Address(t)
			running(t, network, at, greeting(t), "own at {http.request.remote.host}",
				`{"wrapper": "layer4", "routes": [{"match": [{"ssh": {}}], "handle": [{"handler": "echo"}]}]}`)
			if got := sent(t, at, []byte(ssh)); got != ssh {
				t.Errorf("SSH: %q, expected an echo", got)
			}
			for range 20 {
				if got, err := get(at, "h2"); got != "HTTP/2.0 own at 127.0.0.1" {
					t.Errorf("own site: %q (%v)", got, err)
				}
				if got := sent(t, at, hellotest.Hello(t, "git.example.test")); got != "server" {
					t.Errorf("passed through: %q", got)
				}
			}
		})
	}
}
