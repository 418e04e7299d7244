// SPDX-License-Identifier: Apache-2.0

package lbadmin

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

func TestEnd(t *testing.T) {
	e := newEnd(&control.End{
		ID: 7, Frontend: "tls", Name: "a\x00b", Outcome: clienthello.Found, Version: 0x0304, ServerAlert: 113, End: tcplog.ServerReset, By: relay.Server,
		HelloWait: time.Millisecond, Queue: tcplog.NotReached, Connect: 0, Duration: 2 * time.Second, Error: "reset\nby peer",
	})
	if e.Termination != "SD" || e.Reason != "server_reset" || !e.Failed || e.Meaning == "" || e.By != "server" || e.ServerAlert != "112 unrecognized_name" || e.TLSVersion != "1.3" || e.ServerTLSVersion != "" {
		t.Errorf("%+v", e)
	}
	if e.QueueTime != -1 || e.ConnectTime != 0 || e.HelloWait != 0.001 || e.Duration != 2 || e.Name != `a\x00b` || strings.Contains(e.Error, "\n") {
		t.Errorf("%+v", e)
	}
}

func TestListEnds(t *testing.T) {
	if got := show[[]End](t, prefix+"ends?frontend=nothing&failed=1&source=10.0.0.0/8&termination=SC&limit=5&name=*.example.com"); len(got) != 0 {
		t.Errorf("%+v", got)
	}
	for query, want := range map[string]string{
		"failed=maybe": `failed "maybe": expected 1 or 0`, "source=x": `source "x": expected an address`, "limit=-1": "limit \"-1\": expected a whole number", "letters=SC": "parameter \"letters\": expected limit,",
	} {
		if status, text := ask(t, http.MethodGet, prefix+"ends?"+query, ""); status != http.StatusBadRequest || !strings.Contains(text, want) {
			t.Errorf("%s: %d %s", query, status, text)
		}
	}
}
