// SPDX-License-Identifier: Apache-2.0

package lbadmin

import (
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tally"
)

func TestNames(t *testing.T) {
	if n := show[Names](t, prefix+"names"); n.Names == nil || len(n.Names) != 0 {
		t.Errorf("%+v", n)
	}
	frontend.ServerNames.Limit(10)
	defer frontend.ServerNames.Limit(0)
	l := tally.Enter()
	frontend.ServerNames.Add(l, "of\x00names")
	frontend.NameBytes.Add(l, "of\x00names", 700)
	frontend.NameFailures.Add(l, "of\x00names", 1)
	frontend.UnknownNames.Add(l, "of\x00names", 1)
	l.Leave()
	n := show[Names](t, prefix+"names")
	for what, list := range map[string][]NameCount{"names": n.Names, "bytes": n.Bytes, "failures": n.Failures, "unknown": n.Unknown} {
		if len(list) != 1 || list[0].Name != `of\x00names` || list[0].Count == 0 {
			t.Errorf("%s: %+v", what, list)
		}
	}
	if n.Bytes[0].Count != 700 {
		t.Errorf("%+v", n.Bytes)
	}
	if h := show[Hellos](t, prefix+"hellos"); h.JA4Counted || len(h.JA4) != 0 {
		t.Errorf("%+v", h)
	}
	if got := versionCounts(&frontend.Versions{4: 3}); len(got) != 1 || got["1.3"] != 3 {
		t.Errorf("%v", got)
	}
}
