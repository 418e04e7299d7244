// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
)

// A rule splits its connections by weights, and the share of a backend without a usable server is
// refused under that backend's name.
func TestSplit(t *testing.T) {
	t.Parallel()
	serve := func(name string) string {
		return listen(t, func(c *net.TCPConn) {
			_, _ = io.WriteString(c, name)
			_, _ = io.Copy(io.Discard, c)
		})
	}
	address := freeAddress(t)
	config := func(canary string) string {
		return fmt.Sprintf("passthrough {\n backend web {\n server s1 %s\n }\n backend canary {\n server s2 %s\n }\n}\nlayer4 {\n durable/%s {\n route {\n passthrough {\n use_backend_split web=3 canary=1 sni www.example.test\n }\n }\n }\n}",
			serve("W"), canary, address)
	}
	p := start(t, config(serve("C")), "")
	round := func() (got string) {
		for range 8 {
			c := say(t, address, "")
			b := make([]byte, 1)
			if _, err := io.ReadFull(c, b); err != nil || b[0] == 0x15 { // an alert
				b[0] = '-'
			}
			got += string(b)
			c.Close()
		}
		return got
	}
	if got := round(); strings.Count(got, "W") != 6 || strings.Count(got, "C") != 2 {
		t.Errorf("served by %s, want 6 of W and 2 of C", got)
	}
	if err := p.reload(t, config(serve("C")+" disabled"), ""); err != nil {
		t.Fatal(err)
	}
	if got := round(); strings.Count(got, "W") != 6 || strings.Count(got, "-") != 2 {
		t.Errorf("served by %s, want 6 of W and 2 refused", got)
	}
	p.sessions(t, 16)
	refused := 0
	for line := range strings.Lines(p.log()) {
		if strings.Contains(line, `"backend":"canary"`) && strings.Contains(line, `"end":"no_server"`) {
			refused++
		}
	}
	if refused != 2 {
		t.Errorf("%d lines of connections refused for canary, want 2\n%s", refused, p.log())
	}
}
