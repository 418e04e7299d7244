// SPDX-License-Identifier: Apache-2.0

//go:build !race

package sample

import (
	"strings"
	"testing"
)

// The race detector allocates, so this test is built without it.
func TestNoAllocations(t *testing.T) {
	in := testInput(false)
	for _, text := range []string{
		"req.ssl_sni www.example.com Www.Example.com", "req.ssl_sni -i www.example.com", "req.ssl_sni -m end .com",
		"req.ssl_sni -i -m end .COM", "req.ssl_sni -m beg Www.", "req.ssl_sni -i -m beg www.", "req.ssl_sni -m sub Example",
		"req.ssl_sni -i -m sub example", "req.ssl_sni -m dom Example", "req.ssl_sni -i -m dom example", "req.ssl_sni -m dir Www.Example.com",
		"req.ssl_sni -m len 15", "req.ssl_sni -m found", "req.ssl_hello_type 1", "req.ssl_alpn http/1.1", "req.ssl_ver ge 3.3",
		"req.ssl_ec_ext", "req.ssl_st_ext 0", "req.payload(0,1) -m bin 16", "src 10.0.0.0/8", "src_port gt 1000", "ssl_fc,not",
		"str(abc),lower abc", "req.ssl_sni,field(2,.) Example", "req.ssl_sni,length 15",
	} {
		acl := mustLoad(t, strings.Fields(text))
		if acl.Match(in) != Pass {
			t.Errorf("%s does not match", text)
		}
		if got := testing.AllocsPerRun(50, func() { acl.Match(in) }); got > 0 {
			t.Errorf("%s: %v allocations", text, got)
		}
	}
}

func TestNoAllocationsInMaps(t *testing.T) {
	f := &files{content: map[string]string{"m": "Www.Example.com 192.0.2.1\nWww 192.0.2.1\n.com 192.0.2.1\n", "n": "Www.Example.com 7"}}
	in := testInput(false)
	for _, name := range []string{"map", "map_beg", "map_end", "map_dom", "map_sub", "map_end_key", "map_str_ip", "map_str_int"} {
		file := "m"
		if name == "map_str_int" {
			file = "n"
		}
		e := mustExpression(t, &Loader{Open: f.open}, "req.ssl_sni,"+name+"("+file+")")
		if _, verdict := e.Eval(in); verdict != Pass {
			t.Errorf("%s finds nothing", name)
		}
		if got := testing.AllocsPerRun(50, func() { e.Eval(in) }); got > 0 {
			t.Errorf("%s: %v allocations", name, got)
		}
	}
}
