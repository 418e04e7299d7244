// SPDX-License-Identifier: Apache-2.0

package listeners

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
)

// serverOptions is one global option servers. Where it applies to an http server, its listener
// wrappers replace those of the server's site blocks, even if it has none. So the wrappers of the
// site blocks are put among them.
type serverOptions struct {
	address string // empty: for all servers that no other option is for
	written []json.RawMessage
	field   reflect.Value // of ListenerWrappersRaw
}

// serverOptionsOf returns the global options servers. Their type is not exported, its fields are.
func serverOptionsOf(h httpcaddyfile.Helper) (all []*serverOptions) {
	list := reflect.ValueOf(h.Option("servers"))
	if list.Kind() != reflect.Slice {
		return nil
	}
	for i := range list.Len() {
		field := list.Index(i).FieldByName("ListenerWrappersRaw")
		all = append(all, &serverOptions{
			address: list.Index(i).FieldByName("ListenerAddress").String(),
			written: slices.Clone(field.Interface().([]json.RawMessage)), field: field,
		})
	}
	return all
}

// placeInOptions puts the wrappers, as they are by now, into the global options servers.
func (a *adaptation) placeInOptions() error {
	for _, o := range a.servers {
		var wrappers []*Wrapper
		for _, g := range a.groups {
			if w := o.wrapperFor(g); w != nil {
				wrappers = append(wrappers, w)
			}
		}
		if len(wrappers) == 0 {
			continue
		}
		merged, err := o.merge(wrappers)
		if err != nil {
			return err
		}
		o.field.Set(reflect.ValueOf(merged))
	}
	return nil
}

// wrapperFor returns the wrapper of a group whose servers the option may apply to, else nil.
func (o *serverOptions) wrapperFor(g *group) *Wrapper {
	if o.address != "" && !slices.Contains(g.addresses, o.address) {
		return nil
	}
	w := *g.wrapper
	if o.address == "" {
		w.Listen = g.addresses
	}
	return &w
}

// merge returns the option's list with wrappers at their place: where passthrough is written
// without a block; else behind proxy_protocol, whose header comes first, unless they read that
// header themselves; else first.
func (o *serverOptions) merge(wrappers []*Wrapper) ([]json.RawMessage, error) {
	place, rest, err := o.findPlace(wrappers)
	if err != nil {
		return nil, err
	}
	var encoded []json.RawMessage
	for _, w := range wrappers {
		encoded = append(encoded, caddyconfig.JSONModuleObject(w, "wrapper", directive, nil))
	}
	if !slices.ContainsFunc(rest, isTLS) && len(rest) == len(o.written) {
		place = 0
		encoded = append(encoded, caddyconfig.JSONModuleObject(struct{}{}, "wrapper", "tls", nil))
	}
	return slices.Insert(rest, place, encoded...), nil
}

// findPlace returns the place in the list, and the list without the word that marks it.
func (o *serverOptions) findPlace(wrappers []*Wrapper) (place int, rest []json.RawMessage, err error) {
	rest = slices.Clone(o.written)
	if mark := slices.IndexFunc(rest, isOurs); mark >= 0 {
		if w := decode(rest[mark]); w == nil || !w.isMark() {
			return 0, nil, fmt.Errorf("listener_wrappers has the options of passthrough%s: expected them in one place, and passthrough without a block there", w.writtenAt())
		}
		return mark, slices.Delete(rest, mark, mark+1), nil
	}
	readsHeaders := func(w *Wrapper) bool { return len(w.AcceptProxy) > 0 }
	if slices.ContainsFunc(wrappers, readsHeaders) {
		return 0, rest, nil
	}
	return 1 + slices.IndexFunc(rest, func(raw json.RawMessage) bool { return wrapperName(raw) == "proxy_protocol" }), rest, nil
}

func isTLS(raw json.RawMessage) bool  { return wrapperName(raw) == "tls" }
func isOurs(raw json.RawMessage) bool { return wrapperName(raw) == directive }

// isMark reports whether the wrapper was written as a word alone.
func (w *Wrapper) isMark() bool {
	marked := new(Wrapper)
	marked.Origin = w.Origin
	return bytes.Equal(caddyconfig.JSON(w, nil), caddyconfig.JSON(marked, nil))
}

// writtenAt returns " at FILE:LINE", if that is known.
func (w *Wrapper) writtenAt() string {
	if w == nil || w.Origin == "" {
		return ""
	}
	return " at " + w.Origin.Block()
}
