// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"fmt"
	"strings"
	"testing"
)

// compact returns JSON without blanks.
func compact(text string) string {
	return strings.NewReplacer(" ", "", "\n", "", "\t", "").Replace(text)
}

func TestBalance(t *testing.T) {
	for lines, want := range map[string]string{
		"balance static-rr": `{"policy": "static_rr"}`,
		"balance leastconn": `{"policy": "leastconn"}`,
		"balance first":     `{"policy": "first"}`,
		"balance random":    `{"policy": "random", "draws": 2}`,
		"balance random(1)": `{"policy": "random", "draws": 1}`,
		"balance random(3)\nhash-balance-factor 150": `{"policy": "random", "draws": 3, "balance_factor": 150}`,
		"balance source":                       `{"policy": "source"}`,
		"balance source\nhash-type consistent": `{"policy": "source", "hash_type": {"type": "consistent"}}`,
		"hash-type consistent djb2 avalanche\nbalance hash src,ipmask(24)\nhash-balance-factor 120\nhash-preserve-affinity maxqueue": `{"policy": "hash", "expression": "src,ipmask(24)",
			"hash_type": {"type": "consistent", "function": "djb2", "avalanche": true}, "balance_factor": 120, "preserve_affinity": "maxqueue"}`,
		"balance source\nhash-type map-based crc32\nhash-balance-factor 120":  `{"policy": "source", "hash_type": {"function": "crc32"}}`,
		"balance source\nhash-type consistent\nhash-preserve-affinity always": `{"policy": "source", "hash_type": {"type": "consistent"}}`,
		"balance hash var(sess.sni)":                                          `{"policy": "hash", "expression": "var(sess.sni)"}`,
	} {
		got := apps(t, backend(append(strings.Split(lines, "\n"), "server s1 192.0.2.2:443", "server s2 192.0.2.3:443")...))
		equal(t, lines, at(t, got, "passthrough", "backends", "b", "balance"), want)
	}
}

func TestBalanceMistakes(t *testing.T) {
	for line, want := range map[string]string{
		"balance random(0)":              "the number of draws must be at least 1",
		"balance random(x)":              "the number of draws must be at least 1",
		"balance random(2":               "the number of draws must be at least 1",
		"balance hash":                   "requires a sample expression",
		"balance hash nonsense":          "failed to parse 'balance hash' expression 'nonsense'",
		"hash-type ring":                 "'hash-type' only supports 'consistent' and 'map-based'.",
		"hash-type consistent md5":       "'hash-type' only supports 'sdbm', 'djb2', 'crc32', or 'wt6' hash functions.",
		"hash-type consistent sdbm fast": "'hash-type' only supports 'avalanche'",
		"hash-balance-factor 100":        "'hash-balance-factor' must be 0 or greater than 100.",
		"hash-preserve-affinity often":   "expected 'always', 'maxconn' or 'maxqueue'",
	} {
		r := translated(t, backend(line, "server s1 192.0.2.2:443"))
		if text := fmt.Sprint(r.Problems); !r.Failed || !strings.Contains(text, want) {
			t.Errorf("%s: %s, want %s", line, text, want)
		}
	}
	r := translated(t, backend("balance source", "server s1 192.0.2.2:443 hash-key addr"))
	if text := fmt.Sprint(r.Problems); !r.Failed || !strings.Contains(text, "'hash-key addr' is not available: expected 'hash-key id'") {
		t.Errorf("hash-key: %s", text)
	}
	r = translated(t, backend("balance hash req.ssl_sni", "server s1 192.0.2.2:443", "server s2 192.0.2.3:443"))
	if text := fmt.Sprint(r.Problems); r.Failed || !strings.Contains(text, "so the servers are used in turn, as in HAProxy: set a variable") {
		t.Errorf("what the client has sent: %s", text)
	}
}

// The default of fullconn is a tenth of the limits of the frontends that lead to a backend.
func TestFullConn(t *testing.T) {
	section := func(global, frontend, line string) string {
		return "global\n\t" + global + "\ndefaults\n" + timeoutLines + "frontend f\n\tbind 192.0.2.1:443\n\t" + frontend + "\n\tdefault_backend b\n" +
			"frontend g\n\tbind 192.0.2.1:444\n\tmaxconn 15\n\tdefault_backend b\nfrontend other\n\tbind 192.0.2.1:445\n\tmaxconn 999\n\tdefault_backend c\n" +
			"backend b\n\t" + line + "\nbackend c\n\tserver s1 192.0.2.2:443\n"
	}
	const limits = "server s1 192.0.2.2:443 minconn 1 maxconn 9"
	for _, c := range []struct {
		global, frontend, line string
		want                   any
	}{
		{"", "maxconn 20", limits, 4.0},
		{"maxconn 1000", "", limits, 102.0},
		{"maxconn 1000", "maxconn 1", limits, 2.0},
		{"maxconn 1000", "", "fullconn 7\n\t" + limits, 7.0},
		{"", "", "server s1 192.0.2.2:443 minconn 9", nil},
	} {
		got := apps(t, section(c.global, c.frontend, c.line))
		if n := at(t, got, "passthrough", "backends", "b", "fullconn"); n != c.want {
			t.Errorf("%v: %v", c, n)
		}
	}
	r := translated(t, section("", "", limits))
	if text := fmt.Sprint(r.Problems); r.Failed || !strings.Contains(text, "2000 is assumed; write 'fullconn N', or 'maxconn N' in frontend 'f' or in 'global'") {
		t.Errorf("nothing is known: %s", text)
	}
}

func TestLimitsOfServers(t *testing.T) {
	got := apps(t, backend("option abortonclose", "timeout queue 0", "fullconn 50", "server s1 192.0.2.2:443 id 7 maxconn 5 minconn 2 maxqueue 3 slowstart 1500"))
	equal(t, "backend", at(t, got, "passthrough", "backends", "b"), `{"abortonclose": true, "fullconn": 50, "redispatch": false, "timeouts": {"connect": 1000000000, "server": 60000000000},
		"servers": [{"name": "s1", "address": "192.0.2.2:443", "id": 7, "maxconn": 5, "minconn": 2, "maxqueue": 3, "slowstart": 1500000000}]}`)
}
