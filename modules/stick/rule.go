// SPDX-License-Identifier: Apache-2.0

package stick

import (
	"errors"
	"fmt"
	"slices"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/patternfiles"
	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// Actions of a [Rule].
const (
	On            = "on"
	Match         = "match"
	StoreRequest  = "store_request"
	StoreResponse = "store_response"
)

var actions = []string{On, Match, StoreRequest, StoreResponse}

// Rule says which key a client is known by, and whether the table is asked for its server or learns
// it.
type Rule struct {
	// Action is match (send the client to the server that the table has for the key), store_request
	// (store the server for the key once it is connected), on (both), or store_response (as
	// store_request, with a key in the server's first bytes). They are HAProxy's stick rules.
	Action string `json:"action"`

	// Key is the sample expression of the key, such as src or req.ssl_sni,lower. A placeholder such as
	// {l4.client_hello.alpn} may be given instead, or one of session_id (the session ID of the
	// ClientHello; with store_response that of the ServerHello, if the client may come back with it)
	// and ja4 (the fingerprint of the ClientHello). A connection without a key is left out.
	Key string `json:"key"`

	// Table is the name of the table. Default: the backend's own.
	Table string `json:"table,omitempty"`

	// MatcherSetsRaw are sets of layer4 matchers: the rule applies if all matchers of one set match.
	// Without a set it always applies.
	MatcherSetsRaw []caddy.ModuleMap `json:"match,omitempty" caddy:"namespace=layer4.matchers"`

	// UnlessRaw negates the sets, and is used instead of match: the rule applies unless one of the
	// sets matches.
	UnlessRaw []caddy.ModuleMap `json:"unless,omitempty" caddy:"namespace=layer4.matchers"`

	key       ruleKey
	table     *Table // set by Bind
	condition rules.Condition
}

func (r *Rule) looks() bool { return r.Action == On || r.Action == Match }

func (r *Rule) stores() bool { return r.Action != Match }

func (r *Rule) ofResponse() bool { return r.Action == StoreResponse }

func (r *Rule) provision(ctx caddy.Context) (err error) {
	if !slices.Contains(actions, r.Action) {
		return fmt.Errorf("unknown action %q: expected on, match, store_request or store_response", r.Action)
	}
	if r.key, err = compileKey(patternfiles.Loader(ctx), r.Key, r.ofResponse()); err != nil {
		return fmt.Errorf("key %q: %w", r.Key, err)
	}
	r.condition, err = rules.LoadCondition(ctx, r, r.MatcherSetsRaw, r.UnlessRaw)
	if err == nil && r.ofResponse() && r.condition.NeedsRequest() {
		err = errors.New("its condition needs bytes of the client, which are no longer available: expected an acl such as res.len, or a variable")
	}
	return err
}

// needsRequest reports whether the rule depends on bytes from the client.
func (r *Rule) needsRequest() bool {
	return r.key.needs()&sample.NeedsRequest != 0 || r.condition.NeedsRequest()
}

// evaluate returns the key of a connection. Miss means that more bytes of the server may bring one.
func (r *Rule) evaluate(v *rules.View) (sample.Value, sample.Verdict, error) {
	if verdict, err := r.condition.Match(v); err != nil || verdict != sample.Pass {
		return sample.Value{}, verdict, err
	}
	value, verdict := r.key.value(v)
	return value, verdict, nil
}

var errNoKey = errors.New("missing key: expected a sample expression such as src, a placeholder, session_id or ja4")
