// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// serverHeader is the PROXY header of a server line. Version 2 takes precedence, as in HAProxy.
type serverHeader struct {
	v1, v2  bool
	options []string // as in balancer.ProxyHeader
	tlvs    []*balancer.ProxyTLV
}

const (
	noteHeaderOptions = "with authority the server gets the host name of the PROXY header received, as in HAProxy, or else that of the ClientHello; unique-id is left out without unique-id-format; checks send none of them"
	noteHeaderTLV     = "an expression over the ClientHello has its value, and is not empty; checks send none of them"
)

// serverHeaders are the options about PROXY headers.
var serverHeaders = []serverKeyword{
	{names: "send-proxy", grade: supported, do: headerFlag(func(h *serverHeader) { h.v1 = true })},
	{names: "no-send-proxy", grade: supported, do: headerFlag(func(h *serverHeader) { h.v1 = false })},
	{names: "send-proxy-v2", grade: supported, do: headerFlag(func(h *serverHeader) { h.v2 = true })},
	{names: "no-send-proxy-v2", grade: supported, do: headerFlag(func(h *serverHeader) { h.v2 = false })},
	{names: "send-proxy-v2-ssl|send-proxy-v2-ssl-cn", grade: supported, do: headerFlag(func(h *serverHeader) {
		h.v2 = true
		h.add(balancer.OptionSSL)
	})},
	{names: "no-send-proxy-v2-ssl|no-send-proxy-v2-ssl-cn", grade: supported, do: headerFlag(func(h *serverHeader) {
		h.v2 = false
		h.options = slices.DeleteFunc(slices.Clone(h.options), func(o string) bool { return o == balancer.OptionSSL })
	})},
	{names: "proxy-v2-options", values: 1, grade: differs, note: noteHeaderOptions, ownMessage: true, at: setHeaderOptions},
	{names: "set-proxy-v2-tlv-fmt", values: 1, grade: differs, note: noteHeaderTLV, ownMessage: true, at: addHeaderTLV},
}

func headerFlag(set func(*serverHeader)) func(*server, string) error {
	return func(n *server, _ string) error {
		set(&n.header)
		return nil
	}
}

// add adds an option. The list may be that of default-server, which stays unchanged.
func (h *serverHeader) add(option string) {
	if !slices.Contains(h.options, option) {
		h.options = append(slices.Clip(h.options), option)
	}
}

// headerOptions maps the words of proxy-v2-options. Those about TLS have nothing to tell here
// apart from the TLV itself.
var headerOptions = map[string]string{
	"ssl": balancer.OptionSSL, "cert-cn": balancer.OptionSSL, "cert-key": balancer.OptionSSL, "cert-sig": balancer.OptionSSL, "ssl-cipher": balancer.OptionSSL,
	"authority": balancer.OptionAuthority, "crc32c": balancer.OptionCRC32C, "unique-id": balancer.OptionUniqueID,
}

// setHeaderOptions reads "proxy-v2-options WORD[,WORD...]".
func setHeaderOptions(t *translation, n *server, w serverWord) error {
	for word := range strings.SplitSeq(w.value, ",") {
		option, known := headerOptions[word]
		if !known {
			return fmt.Errorf("'%s' : proxy v2 option not implemented", word)
		}
		if n.header.add(option); option == balancer.OptionAuthority {
			t.notice(w.Pos, differs, noteHeaderOptions, w.keyword)
		}
	}
	return nil
}

// addHeaderTLV reads "set-proxy-v2-tlv-fmt(TYPE) FORMAT".
func addHeaderTLV(t *translation, n *server, w serverWord) error {
	of, err := tlvType(w.keyword)
	if err != nil {
		return fmt.Errorf("'%s' : %w", w.keyword, err)
	}
	format, f, err := t.readLogFormat(w.value)
	switch {
	case err != nil:
		return unavailable(err)
	case f.Needs()&sample.NeedsResponse != 0:
		return fmt.Errorf("'%s' : sample fetch <%s> may not be reliably used here because it needs 'response buffer' which is not available here", w.keyword, w.value)
	case f.NeedsRequest():
		t.notice(w.Pos, differs, noteHeaderTLV, w.keyword)
	}
	n.header.tlvs = append(slices.Clip(n.header.tlvs), &balancer.ProxyTLV{Type: of, Format: format})
	return nil
}

// tlvType returns the type in the parentheses of set-proxy-v2-tlv-fmt.
func tlvType(name string) (int, error) {
	_, text, _ := strings.Cut(name, "(")
	text, closed := strings.CutSuffix(text, ")")
	if !closed {
		return 0, fmt.Errorf("expects set-proxy-v2-tlv-fmt(<TLV ID>), such as set-proxy-v2-tlv-fmt(0xE1)")
	}
	of, err := strconv.ParseInt(text, 0, 64)
	switch {
	case err != nil:
		return 0, fmt.Errorf("could not convert TLV ID: expected a number from 0 to 255")
	case of < 0 || of > 255:
		return 0, fmt.Errorf("the maximum allowed TLV ID is 255")
	}
	return int(of), nil
}

// version returns the version of the header, or nothing without one.
func (h *serverHeader) version() string {
	switch {
	case h.v2:
		return "v2"
	case h.v1:
		return "v1"
	default:
		return ""
	}
}

// sendsID reports whether servers get the unique ID of a connection.
func (h *serverHeader) sendsID() bool {
	return h.v2 && slices.Contains(h.options, balancer.OptionUniqueID)
}
