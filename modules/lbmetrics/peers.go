// SPDX-License-Identifier: Apache-2.0

package lbmetrics

import "github.com/caddy-passthrough/caddy-passthrough/modules/peering"

var ofPeer = []string{"peers", "peer"}

var (
	peerConnected   = gauge("peer_connected", "1 while there is a connection with the peer, else 0.", ofPeer...)
	peerConnections = counter("peer_connections_total", "Connections with the peer that were established.", ofPeer...)
	peerSent        = counter("peer_updates_sent_total", "Entries of the stick table that were sent to the peer.", "peers", "peer", "table")
	peerReceived    = counter("peer_updates_received_total", "Entries of the stick table that the peer has sent.", "peers", "peer", "table")
)

func sendPeers(out output, _ *snapshot) {
	for _, section := range peering.All() {
		for _, p := range section.Peers {
			sendIf(out, peerConnected, p.Connected, section.Name, p.Name)
			send(out, peerConnections, p.Connections, section.Name, p.Name)
			for _, t := range p.Tables {
				send(out, peerSent, t.Sent, section.Name, p.Name, t.Name)
				send(out, peerReceived, t.Received, section.Name, p.Name, t.Name)
			}
		}
	}
}

func connectedPeers(*snapshot) float64 { return float64(peering.Connected()) }
