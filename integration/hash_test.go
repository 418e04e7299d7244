// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// Whatever part of a ClientHello is the key, hellos with the same key go to one server, and others
// are spread.
func TestBalanceByHello(t *testing.T) {
	t.Parallel()
	servers := ""
	for _, name := range []string{"s1", "s2", "s3"} {
		servers += fmt.Sprintf("server %s %s\n", name, listen(t, func(c *net.TCPConn) {
			if skipHello(c) == nil {
				fmt.Fprint(c, name)
			}
		}))
	}
	// hello returns the i-th hello that differs in the key; the rest follows j.
	type hello func(i, j int) hellotest.ClientHello
	number := func(n int) []byte { return bytes.Repeat([]byte{byte(n)}, 32) }
	for _, c := range []struct {
		balance string
		hello   hello
	}{
		{"sni", func(i, j int) hellotest.ClientHello {
			h := hellotest.Plain(hellotest.SNI(fmt.Sprintf("H%d.example", i)))
			h.SessionID = number(j)
			return h
		}},
		{"alpn", func(i, j int) hellotest.ClientHello {
			return hellotest.Plain(hellotest.SNI(fmt.Sprintf("h%d.example", j)), hellotest.ALPN("h2", fmt.Sprintf("p%d", i)))
		}},
		{"ja4", func(i, j int) hellotest.ClientHello {
			h := hellotest.Plain(hellotest.SNI(fmt.Sprintf("h%d.example", j)), hellotest.Groups(29))
			h.CipherSuites = hellotest.Uint16s(0x1301, uint16(0xc000+i))
			return h
		}},
		{"session_id", func(i, j int) hellotest.ClientHello {
			h := hellotest.Plain(hellotest.SNI(fmt.Sprintf("h%d.example", j)))
			h.SessionID = number(i)
			return h
		}},
		{"key-{l4.client_hello.sni}", func(i, j int) hellotest.ClientHello {
			h := hellotest.Plain(hellotest.SNI(fmt.Sprintf("h%d.example.", i)))
			h.SessionID = number(j)
			return h
		}},
	} {
		for _, method := range []string{"map_based", "consistent"} {
			t.Run(c.balance+" "+method, func(t *testing.T) {
				address := freeAddress(t)
				p := start(t, fmt.Sprintf("layer4 {\n durable/%s {\n route {\n passthrough {\n balance hash %s {\n hash_type %s\n }\n%s }\n }\n }\n }", address, c.balance, method, servers), "")
				seen := make(map[string]bool)
				for i := range 12 {
					first := servedBy(t, address, c.hello(i, 100))
					seen[first] = true
					for j := range 3 {
						if again := servedBy(t, address, c.hello(i, j)); again != first {
							t.Errorf("key %d went to %s and to %s", i, first, again)
						}
					}
				}
				if len(seen) < 2 {
					t.Errorf("all keys are on %v", seen)
				}
				p.sessions(t, 48)
			})
		}
	}
}

// servedBy returns the answer to a hello.
func servedBy(t *testing.T, address string, h hellotest.ClientHello) string {
	t.Helper()
	c, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := c.Write(h.Raw()); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(c)
	if err != nil || len(answer) != 2 {
		t.Fatalf("answered %q, %v", answer, err)
	}
	return string(answer)
}
