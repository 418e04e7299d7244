// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"net"
	"net/netip"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/proxyprotocol"
)

// firstBytes returns the bytes that a server gets first, and how many of them, at the beginning,
// are a PROXY header. They are valid until the next call or until the connection is forgotten.
func (c *connection) firstBytes(k *claim) (first []byte, header int) {
	h := k.Backend.HeaderOf(k.server.Name)
	if h == nil {
		return c.hello.Bytes(), 0
	}
	if h.NeedsRequest() {
		_ = c.readForBackend() // a client that has left is noticed later
	}
	c.sendBuffer = c.appendHeader(c.sendBuffer[:0], h)
	header = len(c.sendBuffer)
	c.sendBuffer = append(c.sendBuffer, c.hello.Bytes()...)
	return c.sendBuffer, header
}

// appendHeader appends the PROXY header of the connection.
func (c *connection) appendHeader(b []byte, h *balancer.ProxyHeader) []byte {
	source, destination := c.headerAddresses()
	if h.Version() == 1 {
		return proxyprotocol.AppendV1(b, source, destination)
	}
	w := proxyprotocol.BeginV2(b, source, destination)
	for _, t := range h.ProxyV2TLVs { // in HAProxy's order, as all that follow
		w.TLV(byte(t.Type), []byte(t.Text(c.rulesView(true))))
	}
	if h.Has(balancer.OptionCRC32C) {
		w.Checksum()
	}
	for _, o := range optionalTLVs {
		if !h.Has(o.option) {
			continue
		}
		if value := o.value(c); len(value) > 0 {
			w.TLV(o.of, value)
		}
	}
	return w.End()
}

// optionalTLVs are the TLVs of options other than the checksum, in their order.
var optionalTLVs = [...]struct {
	option string
	of     byte
	value  func(*connection) []byte
}{
	{balancer.OptionALPN, proxyprotocol.ALPN, (*connection).alpnForHeader},
	{balancer.OptionAuthority, proxyprotocol.Authority, (*connection).authorityForHeader},
	{balancer.OptionUniqueID, proxyprotocol.UniqueID, (*connection).uniqueIDForHeader},
	{balancer.OptionSSL, proxyprotocol.SSL, (*connection).sslForHeader},
	{balancer.OptionNetNS, proxyprotocol.NetNS, (*connection).namespaceForHeader},
}

// sslForHeader returns the value of a connection without TLS at the proxy: no flags, and the result
// 0 of a verification.
func (c *connection) sslForHeader() []byte { return make([]byte, 5) }

// headerAddresses returns the addresses for a header, or zero values for a client without. As in
// HAProxy, addresses that a received header maps into IPv6 stay mapped.
func (c *connection) headerAddresses() (source, destination netip.AddrPort) {
	if h := c.proxyHeader(); h != nil && h.HasAddresses() {
		if c.viewState.Redirected {
			return h.Source, c.viewState.Destination
		}
		return h.Source, h.Destination
	}
	if _, ok := c.RemoteAddr().(*net.TCPAddr); !ok {
		return source, destination
	}
	v := c.rulesView(true)
	if c.entry != nil && c.entry.MapIPv4 {
		return mapped(v.Source), mapped(v.Destination)
	}
	return v.Source, v.Destination
}

func mapped(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom16(a.Addr().As16()), a.Port())
}

// received returns the value of a TLV of the header that the connection began with, or nil.
func (c *connection) received(of byte) []byte {
	h := c.proxyHeader()
	if h == nil {
		return nil
	}
	value, _ := h.TLV(of)
	return value
}

func (c *connection) authorityForHeader() []byte {
	if value := c.received(proxyprotocol.Authority); value != nil {
		return value
	}
	return []byte(c.record.ServerName)
}

func (c *connection) alpnForHeader() []byte {
	if value := c.received(proxyprotocol.ALPN); value != nil {
		return value
	}
	if offered := c.record.ALPN; offered != "" {
		return []byte(offered[1 : 1+offered[0]])
	}
	return nil
}

func (c *connection) namespaceForHeader() []byte {
	if c.entry != nil && c.entry.Namespace != "" {
		return []byte(c.entry.Namespace)
	}
	return c.received(proxyprotocol.NetNS)
}

func (c *connection) uniqueIDForHeader() []byte { return []byte(c.record.UniqueID) }

// maxUniqueID bounds a connection's unique ID, as in HAProxy. Receivers refuse longer ones.
const maxUniqueID = 127

// setUniqueID makes the connection's unique ID, if the frontend has a format for it.
func (c *connection) setUniqueID() {
	if c.f.UniqueID != nil && !c.hasUniqueID { // another backend gets the same
		c.hasUniqueID = true
		r := c.record
		r.ActConn, r.FEConn, r.Duration = int64(liveConns.count()), c.f.conns.Load(), time.Since(c.accepted)
		id := r.Text(c.f.UniqueID, &c.rulesView(true).Input)
		c.record.UniqueID = id[:min(len(id), maxUniqueID)]
	}
}
