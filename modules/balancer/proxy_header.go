// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/l4acl"
	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/patternfiles"
	"github.com/caddy-passthrough/caddy-passthrough/modules/proxyprotocol"
	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// ProxyHeader is the PROXY header that a server gets before the client's data. In a backend it is
// that of the servers without a send_proxy of their own.
type ProxyHeader struct {
	// SendProxy is the version of the header: v1 or v2, or off for a server without one in a
	// backend that has send_proxy. The server must expect it, else it takes the header for the
	// client's data. Health checks of the server's own address send one, too. Default: no header.
	// It is HAProxy's send-proxy and send-proxy-v2.
	SendProxy string `json:"send_proxy,omitempty"`

	// ProxyV2Options lists the TLVs of a v2 header: authority (the host name in the header that the
	// client's connection began with, or else the ClientHello's server name), alpn (the protocol in
	// that header, or else the first one that the ClientHello offers), unique_id (the frontend's
	// unique_id, or else that of the header), netns (the network namespace of the bind, or else of
	// the header), ssl (a TLV which says that the proxy does not terminate TLS) and crc32c (a
	// checksum). A TLV without a value is left out. It is HAProxy's proxy-v2-options.
	ProxyV2Options []string `json:"proxy_v2_options,omitempty"`

	// ProxyV2TLVs are further TLVs. It is HAProxy's set-proxy-v2-tlv-fmt.
	ProxyV2TLVs []*ProxyTLV `json:"proxy_v2_tlvs,omitempty"`
}

// ProxyTLV is a TLV of a v2 header.
type ProxyTLV struct {
	// Type is its type, 0 to 255. Those from 0xE0 to 0xEF are for applications.
	Type int `json:"type"`

	// Value is a text with placeholders of the connection, such as {l4.client_hello.sni}.
	Value string `json:"value,omitempty"`

	// Format is a text with sample expressions, such as %[var(sess.sni)], in place of value.
	Format string `json:"format,omitempty"`

	format *sample.Format
}

// The words of send_proxy and proxy_v2_options.
const (
	proxyV1  = "v1"
	proxyV2  = "v2"
	proxyOff = "off"

	OptionAuthority = "authority"
	OptionALPN      = "alpn"
	OptionUniqueID  = "unique_id"
	OptionNetNS     = "netns"
	OptionSSL       = "ssl"
	OptionCRC32C    = "crc32c"
)

var (
	headerVersions = []string{proxyV1, proxyV2, proxyOff}
	headerOptions  = []string{OptionAuthority, OptionALPN, OptionUniqueID, OptionNetNS, OptionSSL, OptionCRC32C}
)

// Version returns the version of the header, or 0 without one.
func (h *ProxyHeader) Version() int {
	if h == nil {
		return 0
	}
	return headerVersion(h.SendProxy)
}

// headerVersion returns the version that a word of send_proxy stands for, or 0.
func headerVersion(word string) int { return 1 + slices.Index(headerVersions[:2], word) }

// Has reports whether proxy_v2_options has an option.
func (h *ProxyHeader) Has(option string) bool { return slices.Contains(h.ProxyV2Options, option) }

// NeedsRequest reports whether the header depends on bytes that the client sends.
func (h *ProxyHeader) NeedsRequest() bool {
	return h.Has(OptionAuthority) || h.Has(OptionALPN) ||
		slices.ContainsFunc(h.ProxyV2TLVs, func(t *ProxyTLV) bool {
			return strings.Contains(t.Value, "{l4.client_hello.") || t.format != nil && t.format.NeedsRequest()
		})
}

// Text returns the value of the TLV for a connection.
func (t *ProxyTLV) Text(v *rules.View) string {
	switch {
	case t.format != nil:
		return t.format.String(&v.Input)
	case IsTemplate(t.Value):
		return v.Connection().Replacer().ReplaceAll(t.Value, "")
	default:
		return t.Value
	}
}

func (h *ProxyHeader) validate() error {
	for _, option := range h.ProxyV2Options {
		if err := options.ValidateWord("proxy_v2_options", option, headerOptions); err != nil {
			return err
		}
	}
	if err := options.ValidateWord("send_proxy", h.SendProxy, headerVersions); err != nil {
		return err
	}
	if h.SendProxy != proxyV2 && (len(h.ProxyV2Options) > 0 || len(h.ProxyV2TLVs) > 0) {
		return errors.New("proxy_v2_options and proxy_v2_tlvs belong to a header of version 2: expected send_proxy v2 with them")
	}
	for i, t := range h.ProxyV2TLVs {
		if err := t.validate(); err != nil {
			return fmt.Errorf("proxy_v2_tlvs: TLV %d: %w", i+1, err)
		}
	}
	return nil
}

// validate validates the TLV, without reading the files of its format.
func (t *ProxyTLV) validate() error {
	switch {
	case t == nil:
		return errors.New("expected an object with type")
	case t.Type < 0 || t.Type > math.MaxUint8:
		return fmt.Errorf("type %d: expected a number from 0 to 255", t.Type)
	case t.Type == proxyprotocol.CRC32C:
		return fmt.Errorf("type %d is the checksum: expected the option crc32c instead", t.Type)
	case t.Value != "" && t.Format != "":
		return errors.New("it has a value and a format: expected one of the two")
	}
	return t.load(l4acl.WithoutFiles())
}

// load compiles the format.
func (t *ProxyTLV) load(loader *sample.Loader) (err error) {
	if t.Format == "" {
		return nil
	}
	if t.format, err = loader.Format(t.Format); err != nil {
		return fmt.Errorf("format %q: %w", t.Format, err)
	}
	return nil
}

// provisionHeaders finds the header of each server, and loads its TLVs.
func (b *Backend) provisionHeaders(ctx caddy.Context) error {
	loader := patternfiles.Loader(ctx)
	for _, s := range b.Servers {
		h, err := b.loadHeader(s, loader)
		if err != nil {
			return fmt.Errorf("server %q: %w", s.Name, err)
		}
		if h == nil {
			continue
		}
		if b.headers == nil {
			b.headers = make(map[string]*ProxyHeader)
		}
		b.headers[s.Name] = h
	}
	return nil
}

// loadHeader returns the header of a server with its TLVs loaded, or nil if it gets none.
func (b *Backend) loadHeader(s *Server, loader *sample.Loader) (*ProxyHeader, error) {
	h := &s.ProxyHeader
	if h.SendProxy == "" {
		h = &b.ProxyHeader
	}
	if h.Version() == 0 {
		return nil, nil //nolint:nilnil // it gets none
	}
	for i, t := range h.ProxyV2TLVs {
		if err := t.load(loader); err != nil {
			return nil, fmt.Errorf("proxy_v2_tlvs: TLV %d: %w", i+1, err)
		}
	}
	return h, nil
}

// HeaderOf returns the PROXY header that a server gets, or nil if it gets none.
func (b *Backend) HeaderOf(server string) *ProxyHeader {
	if a := b.added(server); a != nil {
		return a.header
	}
	return b.headers[server]
}

// Headers returns the version of the header of each server that gets one; nil if none does.
func (b *Backend) Headers() map[string]int {
	if b.headers == nil {
		return nil
	}
	versions := make(map[string]int, len(b.headers))
	for server, h := range b.headers {
		versions[server] = h.Version()
	}
	return versions
}

// headerTable returns the words for a header.
func (h *ProxyHeader) headerTable() options.Table {
	return options.Table{
		"send_proxy":       options.OneOf(&h.SendProxy, headerVersions),
		"proxy_v2_options": options.Once(h.parseOptions),
		"proxy_v2_tlv":     options.Repeatable(h.parseTLV),
	}
}

// parseOptions parses a list of options, separated by commas.
func (h *ProxyHeader) parseOptions(d *caddyfile.Dispenser) error {
	word, err := options.Arg(d)
	if err != nil {
		return err
	}
	h.ProxyV2Options = strings.Split(word, ",")
	for _, option := range h.ProxyV2Options {
		if err := options.ValidateWord("proxy_v2_options", option, headerOptions); err != nil || option == "" {
			return options.Wrap(d, cmp.Or(err, errors.New("proxy_v2_options: expected words with a comma between them, such as authority,crc32c")))
		}
	}
	return nil
}

// parseTLV parses "TYPE VALUE" or "TYPE format FORMAT".
func (h *ProxyHeader) parseTLV(d *caddyfile.Dispenser) error {
	word, err := options.Arg(d)
	if err != nil {
		return err
	}
	of, err := strconv.ParseUint(word, 0, 8)
	if err != nil {
		return d.Errf("proxy_v2_tlv: type %q: expected a number from 0 to 255, such as 0xE0", word)
	}
	t := &ProxyTLV{Type: int(of)}
	if !d.NextArg() {
		return d.Errf("proxy_v2_tlv %s: expected a value, or format and a format", word)
	}
	if t.Value = d.Val(); t.Value == "format" && d.NextArg() {
		t.Value, t.Format = "", d.Val()
	}
	h.ProxyV2TLVs = append(h.ProxyV2TLVs, t)
	return options.Wrap(d, wrapAbout("proxy_v2_tlv", t.validate()))
}
