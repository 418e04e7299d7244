// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/mholt/caddy-l4/layer4"
	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/durable"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend"
)

// takeFor is replaced in tests.
var takeFor = durable.TakeFor

// skipRoute passes connections from durable listeners of the handler's server directly to the
// frontend if caddy-l4 would do nothing but call the handler: the server has one route, without
// matchers, this is its only handler, and nothing is logged about connections. Connections that
// have to be accepted, such as a Unix socket's, still take the route.
func (h *Handler) skipRoute(ctx caddy.Context) {
	app := layer4Of(ctx)
	if app == nil || h.soleOf == nil || !h.frontend.Inline() || h.connLogger.Core().Enabled(zap.DebugLevel) {
		return
	}
	switch matchers, err := matchersOf(h.soleOf.Routes[0]); {
	case err != nil:
		h.logger.Warn("connections take the route of layer4, which costs more", zap.String("frontend", h.Name), zap.Error(err))
	case !matchers:
		for _, at := range ownAddresses(app, h.soleOf) {
			takeFor(ctx, app, at, h.frontend.Entry(frontend.EntryConfig{}).ServeOnShard)
		}
	}
}

// layer4Of returns the app whose routes have the handler that ctx is for; nil if another module,
// such as a subroute, has it.
func layer4Of(ctx caddy.Context) *layer4.App {
	modules := ctx.Modules()
	if len(modules) < 2 {
		return nil
	}
	app, _ := modules[len(modules)-2].(*layer4.App)
	return app
}

// ownAddresses returns the durable addresses of a server that appear only once in the app.
func ownAddresses(app *layer4.App, server *layer4.Server) (own []caddy.NetworkAddress) {
	listed := make(map[string]int)
	for _, s := range app.Servers {
		for _, at := range parsedAddresses(s) {
			listed[at.String()]++
		}
	}
	for _, at := range parsedAddresses(server) {
		if durable.IsNetwork(at.Network) && listed[at.String()] == 1 {
			own = append(own, at)
		}
	}
	return own
}

// parsedAddresses returns the addresses of a server. Invalid ones are left for caddy-l4 to report.
func parsedAddresses(s *layer4.Server) (parsed []caddy.NetworkAddress) {
	if s == nil {
		return nil
	}
	for _, listen := range s.Listen {
		if at, err := caddy.ParseNetworkAddress(caddy.NewReplacer().ReplaceAll(listen, "")); err == nil {
			parsed = append(parsed, at)
		}
	}
	return parsed
}

// matchersOf reports whether a route has matchers. After they are provisioned, which is before the
// route's handlers are, only an unexported field has them. An error names a difference of caddy-l4
// from the version that skipRoute knows: a new option may change how connections are handled.
func matchersOf(r *layer4.Route) (bool, error) {
	if err := layer4Known(); err != nil {
		return false, err
	}
	return r.MatcherSetsRaw != nil || reflect.ValueOf(r).Elem().FieldByName(matcherSets).Len() > 0, nil
}

// matcherSets is the field of a route that has its matchers.
const matcherSets = "matcherSets"

// layer4Known returns an error if the types of caddy-l4 differ from those that skipRoute knows.
var layer4Known = sync.OnceValue(func() error {
	return errors.Join(
		hasOptions(reflect.TypeFor[layer4.App](), "Servers"),
		hasOptions(reflect.TypeFor[layer4.Server](), "Listen", "Routes", "IdleTimeout", "MatchingTimeout"),
		hasOptions(reflect.TypeFor[layer4.Route](), "MatcherSetsRaw", "HandlersRaw"),
		hasField(reflect.TypeFor[layer4.Route](), matcherSets, reflect.TypeFor[layer4.MatcherSets]()),
	)
})

// hasOptions returns an error unless the exported fields of a type are those given.
func hasOptions(t reflect.Type, want ...string) error {
	var got []string
	for _, f := range reflect.VisibleFields(t) {
		if f.IsExported() {
			got = append(got, f.Name)
		}
	}
	if !slices.Equal(got, want) {
		return fmt.Errorf("%v has the options %q, expected %q", t, got, want)
	}
	return nil
}

// hasField returns an error unless a type has a field of another type.
func hasField(t reflect.Type, name string, want reflect.Type) error {
	f, ok := t.FieldByName(name)
	switch {
	case !ok:
		return fmt.Errorf("%v has no field %s, expected one of type %v", t, name, want)
	case f.Type != want:
		return fmt.Errorf("the field %s of %v has the type %v, expected %v", name, t, f.Type, want)
	}
	return nil
}
