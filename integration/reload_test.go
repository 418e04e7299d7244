// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"net"
	"strings"
	"testing"
)

// A reload keeps live sessions, applies the new rules at once, and keeps the position of the round
// robin; a refused configuration changes nothing. The same holds for a reload that moves the
// frontend from a layer4 server to the app, and back.
func TestReload(t *testing.T) {
	for form, apps := range map[string][]bool{"layer4": {false, false}, "app": {true, true}, "to the app": {false, true}, "to layer4": {true, false}} {
		t.Run(form, func(t *testing.T) { testReload(t, apps[0], apps[1]) })
	}
}

// testReload tests reloads with the frontend in the app, or in a layer4 server, before and after.
func testReload(t *testing.T, before, after bool) {
	address := freeAddress(t)
	names := [3]string{"s1", "s2", "s3"}
	var origins [3]string
	for i, name := range names {
		origins[i] = listen(t, func(c *net.TCPConn) {
			fmt.Fprint(c, name)
			if skipHello(c) != nil {
				return
			}
			for buf := make([]byte, 1); ; {
				if _, err := c.Read(buf); err != nil {
					return
				}
				_, _ = c.Write(buf)
			}
		})
	}
	app := before
	config := func(servers int, more string) string {
		list := ""
		for i := range servers {
			list += fmt.Sprintf("server %s %s\n", names[i], origins[i])
		}
		return fmt.Sprintf("passthrough {\nbackend web {\n%s}\n}\n", list) + frontendAt(app, address, "tls", "default_backend web\n"+more)
	}
	server := func() (string, *net.TCPConn) {
		c := say(t, address, "")
		return read(t, c, make([]byte, 2)), c
	}
	echoes := func(c *net.TCPConn) {
		t.Helper()
		if _, err := c.Write([]byte{'x'}); err != nil {
			t.Fatal(err)
		}
		read(t, c, make([]byte, 1))
	}

	p := start(t, config(3, ""), "")
	first, held := server()
	app = after
	if err := p.reload(t, config(3, "inspect_delay 4s"), ""); err != nil {
		t.Fatal(err)
	}
	second, _ := server()
	if first != "s1" || second != "s2" {
		t.Errorf("round robin: %s, reload, %s", first, second)
	}
	echoes(held)

	err := p.reload(t, config(3, "use_backend wbe sni a.test"), "")
	if err == nil || !strings.Contains(err.Error(), `did you mean \"web\"`) {
		t.Errorf("a wrong configuration: %v", err)
	}
	if third, _ := server(); third != "s3" {
		t.Errorf("after a refused configuration %s was next, want s3", third)
	}
	if err := p.reload(t, config(1, ""), ""); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if name, _ := server(); name != "s1" {
			t.Errorf("%s is no longer in the configuration", name)
		}
	}
	echoes(held)
}
