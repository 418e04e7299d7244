// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// Verdicts on a server name for a rule about www.example.test.
const (
	own       = "own"       // the rule's backend
	other     = "other"     // the default backend
	malformed = "malformed" // refused
)

// decodeErrorEnd ends a TLS alert: fatal, decode_error.
const decodeErrorEnd = "\x02\x32"

// ruleKinds are rules that all match www.example.test, each in its own frontend. The wildcard and
// the suffix match all names below example.test.
var ruleKinds = map[string]string{
	"exact":    "use_backend own sni www.example.test",
	"wildcard": "use_backend own sni *.example.test",
	"suffix":   "use_backend own sni .example.test",
	"regexp":   `use_backend own sni_regexp ^www\.example\.test$`,
	"map":      "use_backend_map names.map",
	"file":     "use_backend own sni_file names.txt",
	"acl":      "use_backend own acl req.ssl_sni -i www.example.test",
	"variable": "use_backend own vars {l4.client_hello.sni} www.example.test",
}

// tricks are server names that a client may send, with the expected verdicts.
var tricks = []struct {
	want  string
	names []string
}{
	{own, []string{"www.example.test", "WWW.EXAMPLE.TEST", "wWw.eXample.tEst", "www.example.test.", "WWW.example.TEST."}},
	{malformed, []string{
		"", ".", "www.example.test\x00", "\x00www.example.test", "www\x00.example.test", "www.example.test\x00.evil.test", "evil.test\x00.www.example.test",
		strings.Repeat("a", 256), strings.Repeat("a.", 200) + "www.example.test",
		"www.example.test and evil.test", "evil.test and www.example.test", "www.example.test and www.example.test",
	}},
	{other, []string{
		"www.example.test..", ".www.example.test", "..www.example.test", "www.example..test", "www..example.test", "www.example.test.evil.test", "evil.test", "example.test", ".example.test", "test", "..",
		"www.example.test ", " www.example.test", "www.example.test\n", "www.example.test\r\nHost: a", "www.example.test\t", "www.example.test/", "www.example.test:443", "www.example.test%00", "www%2eexample%2etest",
		"www.example.test#", "www.example.test?", "user@www.example.test", "evil.test,www.example.test", "evil.test;www.example.test", "evil.test|www.example.test", "*", "*.test", "www.*", "*.example.*",
		"127.0.0.1", "::1", "[::1]", "0x7f000001", "2130706433", "www_example_test", "www-example-test", "wwwxexample.test", "www.exampleXtest", "wwwexample.test",
		"www.exampIe.test", "www。example。test", "ＷＷＷ。ＥＸＡＭＰＬＥ。ＴＥＳＴ", "www.exampl\u00e9.test", "xn--www-hoa.exampe.test", "\xff\xfe", "{env.HOME}", "{l4.client_hello.sni}", "www.example.test{", "$(id)", "../../etc/passwd",
		strings.Repeat("a", 255), strings.Repeat("a.", 127) + "a", "www.example.tes", "ww.example.tes", "www.example.testt", "www.example.test\xad", "www.example.test\u200b", "\u202ewww.example.test",
	}},
}

// plainly returns the expected verdict of a kind of rule on a name, from that of a rule about
// www.example.test alone.
func plainly(kind, name, verdict string) string {
	rest, under := strings.CutSuffix(strings.ToLower(strings.TrimSuffix(name, ".")), ".example.test")
	switch {
	case verdict == malformed:
		return malformed
	case kind == "suffix" && under && rest != "", kind == "wildcard" && under && rest != "" && !strings.Contains(rest, "."):
		return own
	case kind == "acl" && strings.HasSuffix(name, "."):
		return other // as in HAProxy
	default:
		return verdict
	}
}

// Whatever kind of rule decides, a tricky server name is read plainly: it reaches the rule's
// backend if it is that name in any case, with or without one dot at the end, and not otherwise.
func TestSNITricks(t *testing.T) {
	answer := func(word string) string {
		return listen(t, func(c *net.TCPConn) {
			if skipHello(c) == nil {
				fmt.Fprint(c, word)
			}
		})
	}
	p := &process{}
	p.dir, p.admin = t.TempDir(), freeAddress(t)
	for name, text := range map[string]string{"names.map": "www.example.test own\n", "names.txt": "www.example.test\n"} {
		if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	addresses, frontends := make(map[string]string), ""
	for kind, rule := range ruleKinds {
		addresses[kind] = freeAddress(t)
		frontends += fmt.Sprintf("durable/%s {\n route {\n passthrough {\n name %s\n %s\n default_backend other\n }\n }\n }\n", addresses[kind], kind, rule)
	}
	p.write(t, fmt.Sprintf("passthrough {\n backend own {\n server s1 %s\n }\n backend other {\n server s1 %s\n }\n}\nlayer4 {\n%s}\n", answer(own), answer(other), frontends), "")
	p.run(t, "Caddyfile", 0)
	for kind, address := range addresses {
		for _, of := range tricks {
			together(len(of.names), func(i int) {
				list := strings.Split(of.names[i], " and ")
				got := string(speak(address, hellotest.Plain(hellotest.SNI(list...)).Raw(), 1<<20, false).answer)
				if strings.HasSuffix(got, decodeErrorEnd) {
					got = malformed
				}
				if want := plainly(kind, of.names[i], of.want); got != want {
					t.Errorf("%s: %.80q routed to %.80q, want %s", kind, of.names[i], got, want)
				}
			})
		}
	}
}
