// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
)

// One port has a site of Caddy's for all names of a domain, and passes one of them through. A
// reload exchanges the two names. Another server that the global option servers is for, too, is not
// changed by the wrapper.
func TestSitesOfDirective(t *testing.T) {
	t.Parallel()
	programs.Need(t, "curl")
	for _, bind := range []string{"127.0.0.1", "durable/127.0.0.1"} {
		t.Run(bind, func(t *testing.T) {
			a := newAuthority(t)
			port, behind := portOf(t, freeAddress(t)), portOf(t, freeAddress(t))
			cert, key := a.issue(t, "*.example.test", 30)
			config := func(passed string) string {
				return fmt.Sprintf(`:%[1]s {
	bind %[2]s
	passthrough %[3]s 127.0.0.1:%[4]s
}
https://*.example.test:%[1]s {
	bind %[2]s
	tls %[5]s %[6]s
	respond "own {http.request.remote.host}"
}
https://*.example.test:%[4]s {
	bind 127.0.0.1
	tls %[5]s %[6]s
	respond "passed {http.request.remote.host}"
}
`, port, bind, passed, behind, cert, key)
			}
			p := start(t, "", "")
			get := func(name, host string) string {
				answer, err := run(t, "curl", "--silent", "--show-error", "--max-time", "45", "--cacert", a.ca(), "--interface", "127.0.0.9",
					"--connect-to", "::127.0.0.1:"+port, "--header", "Host: "+host, "--write-out", " %{http_code} %{http_version}", "https://"+name+":"+port)
				if err != nil {
					t.Errorf("%s: %v: %s", name, err, answer)
				}
				return answer
			}
			for _, passed := range []string{"git.example.test", "www.example.test"} {
				if err := p.reload(t, "", config(passed)); err != nil {
					t.Fatal(err)
				}
				for _, c := range []struct{ name, host, want string }{
					{passed, passed, "passed 127.0.0.1 200 2"},
					{"own.example.test", "own.example.test", "own 127.0.0.9 200 2"},
					{"own.example.test", passed, " 421 2"},
				} {
					if got := get(c.name, c.host); got != c.want {
						t.Errorf("passing %s: %s of %s: got %q, want %q", passed, c.host, c.name, got, c.want)
					}
				}
			}
		})
	}
}
