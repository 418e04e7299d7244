// SPDX-License-Identifier: Apache-2.0

package l4acl

import (
	"net"
	"net/netip"
	"testing"

	"github.com/mholt/caddy-l4/layer4"
	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/proxyprotocol"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// A matcher that another one contains sees the PROXY header of the connection.
func TestNestedMatcherSeesHeader(t *testing.T) {
	w := proxyprotocol.BeginV2(nil, netip.MustParseAddrPort("198.51.100.7:50676"), netip.MustParseAddrPort("192.0.2.1:443"))
	w.TLV(proxyprotocol.Authority, []byte("a.example"))
	h, _, err := new(proxyprotocol.Reader).Read(w.End())
	if err != nil {
		t.Fatal(err)
	}
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	with := layer4.WrapConnection(near, nil, zap.NewNop())
	ShareHeader(with, sample.Input{Header: h, Peer: netip.MustParseAddrPort("10.0.0.9:1"), Local: netip.MustParseAddrPort("10.0.0.1:443")})
	without := layer4.WrapConnection(near, nil, zap.NewNop())
	for terms, want := range map[string]bool{
		`[{"any": [{"fetch": "fc_pp_authority", "values": ["a.example"]}]}]`: true,
		`[{"any": [{"fetch": "fc_pp_authority", "values": ["b.example"]}]}]`: false,
		`[{"any": [{"fetch": "fc_rcvd_proxy"}]}]`:                            true,
		`[{"any": [{"fetch": "fc_src", "values": ["10.0.0.9"]}]}]`:           true,
		`[{"any": [{"fetch": "fc_dst", "values": ["10.0.0.1"]}]}]`:           true,
	} {
		m := mustLoad(t, terms)
		if got, err := m.Match(with); got != want || err != nil {
			t.Errorf("%s: %v, %v, want %v", terms, got, err, want)
		}
		if got, err := m.Match(without); got || err != nil {
			t.Errorf("%s: %v, %v without a header", terms, got, err)
		}
	}
}
