// SPDX-License-Identifier: Apache-2.0

package httpbackend

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/httprules"
	"github.com/caddy-passthrough/caddy-passthrough/modules/proxyprotocol"
	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
)

// header returns the PROXY header that connections to a server begin with, for the client of this
// request; empty if the server gets none. A request has neither an ALPN nor a unique ID to tell.
func (x *exchange) header(server string) string {
	h := x.h.backend.HeaderOf(server)
	if h == nil {
		return ""
	}
	view := &rules.View{Input: httprules.Of(x.in).Input()}
	source, destination := unmapped(view.Source), unmapped(view.Destination)
	if h.Version() == 1 {
		return string(proxyprotocol.AppendV1(nil, source, destination))
	}
	w := proxyprotocol.BeginV2(nil, source, destination)
	for _, t := range h.ProxyV2TLVs {
		w.TLV(byte(t.Type), []byte(t.Text(view)))
	}
	if h.Has(balancer.OptionCRC32C) {
		w.Checksum()
	}
	if h.Has(balancer.OptionSSL) {
		var notTerminated [5]byte
		w.TLV(proxyprotocol.SSL, notTerminated[:])
	}
	return string(w.End())
}

func unmapped(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// sendHeader sends the PROXY header, or closes the connection.
func (t target) sendHeader(ctx context.Context, conn net.Conn) error {
	if t.Timeout > 0 {
		_ = conn.SetWriteDeadline(time.Now().Add(t.Timeout)) // an error comes again when writing
		defer func() { _ = conn.SetWriteDeadline(time.Time{}) }()
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	if _, err := conn.Write([]byte(t.header)); err != nil {
		_ = conn.Close()
		return fmt.Errorf("sending the PROXY header: %w", err)
	}
	return nil
}

// validateHeaders reports TLVs that a request has no value for.
func (h *Handler) validateHeaders() error {
	for _, s := range h.backend.Servers {
		header := h.backend.HeaderOf(s.Name)
		if header == nil {
			continue
		}
		for _, t := range header.ProxyV2TLVs {
			if balancer.IsTemplate(t.Value) {
				return fmt.Errorf("backend %q: server %q: proxy_v2_tlvs: value %q: placeholders of a connection are not available over HTTP: expected a format", h.Backend, s.Name, t.Value)
			}
		}
	}
	return nil
}
