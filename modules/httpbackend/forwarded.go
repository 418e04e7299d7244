// SPDX-License-Identifier: Apache-2.0

package httpbackend

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
)

// ForwardedFor adds an address to a request, in a header line of its own.
type ForwardedFor struct {
	// Header is the name of the header. Default: X-Forwarded-For, or X-Original-To.
	Header string `json:"header,omitempty"`

	// Except are networks whose addresses are not added.
	Except []string `json:"except,omitempty"`

	// IfNone skips a request that already has the header.
	IfNone bool `json:"if_none,omitempty"`

	except []netip.Prefix
}

func (f *ForwardedFor) provision() error {
	if f == nil {
		return nil
	}
	for _, text := range f.Except {
		p, err := netip.ParsePrefix(text)
		if a, other := netip.ParseAddr(text); err != nil && other == nil {
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if err != nil {
			return fmt.Errorf("except %q: expected an address or a network, such as 10.0.0.0/8", text)
		}
		f.except = append(f.except, p.Masked())
	}
	return nil
}

// add adds an address to a header.
func (f *ForwardedFor) add(h http.Header, name string, a netip.Addr) {
	if f == nil || !a.IsValid() {
		return
	}
	if f.Header != "" {
		name = f.Header
	}
	if f.IfNone && h.Get(name) != "" {
		return
	}
	for _, p := range f.except {
		if p.Contains(a) {
			return
		}
	}
	h.Add(name, a.String())
}

// removedHeaders are the headers that package httputil removes from a request.
var removedHeaders = []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"}

// rewrite builds the request for the server: the client's, with the headers that the options add.
func (h *Handler) rewrite(p *httputil.ProxyRequest) {
	for _, name := range removedHeaders {
		if values, ok := p.In.Header[name]; ok {
			p.Out.Header[name] = append([]string(nil), values...)
		}
	}
	p.Out.URL.RawQuery = p.In.URL.RawQuery
	x := exchangeOf(p.In.Context())
	h.ForwardedFor.add(p.Out.Header, "X-Forwarded-For", x.Request.Source)
	if own, ok := p.In.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr); ok {
		h.OriginalTo.add(p.Out.Header, "X-Original-To", own.AddrPort().Addr().Unmap())
	}
}
