// SPDX-License-Identifier: Apache-2.0

package lbsocket

import (
	"fmt"
	"strings"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
	"github.com/caddy-passthrough/caddy-passthrough/modules/peers"
)

// showPeers shows the sections of peers, or one of them, with HAProxy's words for the facts that
// both have.
func showPeers(r *request) error {
	names := r.args
	if word := r.arg(0); word == "dict" || word == "-" {
		names = names[1:]
	}
	found := len(names) == 0
	for _, s := range control.Peers() {
		if len(names) > 0 && s.Name != names[0] {
			continue
		}
		found = true
		r.print(fmt.Sprintf("id=%s local=%s up_to_date=%t learned_from=%s\n", s.Name, s.Local, s.UpToDate, s.LearnedFrom))
		for _, p := range s.Peers {
			r.print(peerText(p))
		}
		r.print("\n")
	}
	if !found {
		return message("No such peers")
	}
	return nil
}

// peerText returns the lines of a peer.
func peerText(p peers.PeerStatus) string {
	active, status, since := "inactive", "NONE", "<NEVER>"
	if p.Connected {
		active, status, since = "active", "ESTA", time.Since(*p.Since).Round(time.Second).String()
	}
	var text strings.Builder
	fmt.Fprintf(&text, "  id=%s(remote,%s) addr=%s last_status=%s last_hdshk=%s\n        rx_hbt=%d new_conn=%d proto_err=%d coll=%d\n",
		p.Name, active, p.Address, status, since, p.Heartbeats, p.Connections, p.ProtocolErrors, p.Collisions)
	for _, t := range p.Tables {
		fmt.Fprintf(&text, "        table id=%s sent=%d acked=%d received=%d\n", t.Name, t.Sent, t.Acknowledged, t.Received)
	}
	return text.String()
}
