// SPDX-License-Identifier: Apache-2.0

package listeners

import (
	"reflect"
	"slices"
	"strconv"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// siteBlock has the addresses that the http servers of a site block listen on, as Caddy's adapter
// writes them, sorted.
type siteBlock struct {
	addresses []string // without those of the HTTP port
	http      []string // of the HTTP port, or of keys with http://
}

// siteBlockOf returns the site block that a directive is in. ok is false if Caddy has changed.
func siteBlockOf(h httpcaddyfile.Helper) (b siteBlock, ok bool) {
	field := reflect.ValueOf(&h).Elem().FieldByName("parentBlock")
	if !field.IsValid() || field.Type() != reflect.TypeFor[caddyfile.ServerBlock]() {
		return b, false
	}
	block := reflect.NewAt(field.Type(), field.Addr().UnsafePointer()).Elem().Interface().(caddyfile.ServerBlock)
	hosts, ok := bindHosts(h, block)
	for _, key := range block.Keys {
		address, err := httpcaddyfile.ParseAddress(key.Text)
		if err != nil {
			continue // Caddy reports it
		}
		b.add(h, address.Normalize(), hosts)
	}
	b.addresses = slices.Compact(slices.Sorted(slices.Values(b.addresses)))
	b.http = slices.Compact(slices.Sorted(slices.Values(b.http)))
	return b, ok
}

// add adds the addresses of a key.
func (b *siteBlock) add(h httpcaddyfile.Helper, key httpcaddyfile.Address, hosts []string) {
	httpPort, port := portOption(h, "http_port", caddyhttp.DefaultHTTPPort), key.Port
	switch {
	case port != "":
	case key.Scheme == "http":
		port = httpPort
	default:
		port = portOption(h, "https_port", caddyhttp.DefaultHTTPSPort)
	}
	for _, host := range hosts {
		network, host, _, err := caddy.SplitNetworkAddress(host)
		if err != nil {
			continue
		}
		address, err := caddy.ParseNetworkAddress(caddy.JoinNetworkAddress(network, host, port))
		if err != nil {
			continue
		}
		if key.Scheme == "http" || port == httpPort {
			b.http = append(b.http, address.String())
		} else {
			b.addresses = append(b.addresses, address.String())
		}
	}
}

// portOption returns a global option that is a port.
func portOption(h httpcaddyfile.Helper, name string, otherwise int) string {
	if port, ok := h.Option(name).(int); ok {
		return strconv.Itoa(port)
	}
	return strconv.Itoa(otherwise)
}

// bindHosts returns the arguments of the directive bind in a block, or of the global option
// default_bind.
func bindHosts(h httpcaddyfile.Helper, block caddyfile.ServerBlock) (hosts []string, ok bool) {
	bound := false
	for _, segment := range block.Segments {
		if segment.Directive() == "bind" {
			d := caddyfile.NewDispenser(segment)
			d.Next()
			hosts, bound = append(hosts, d.RemainingArgs()...), true
		}
	}
	if bound {
		return hosts, true
	}
	defaults, isSet := h.Option("default_bind").([]httpcaddyfile.ConfigValue)
	if !isSet {
		return []string{""}, true
	}
	for _, value := range defaults {
		addresses := reflect.ValueOf(value.Value).FieldByName("addresses")
		if addresses.Kind() != reflect.Slice {
			return nil, false
		}
		for i := range addresses.Len() {
			hosts = append(hosts, addresses.Index(i).String())
		}
	}
	return hosts, true
}
