// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"fmt"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// Rule is an action with the condition under which it applies to a connection.
type Rule struct {
	// Action is one of accept (skip the remaining rules), close (HAProxy's reject: close without an
	// alert), reset (close with RST), drop (HAProxy's silent-drop: the client gets no packet at all),
	// reject (send a TLS alert if the client speaks TLS, then close), set_var, set_var_format,
	// unset_var, set_priority_class, set_priority_offset, set_log_level, set_dst, set_dst_port and
	// do_resolve (continue with the next rule). In connection rules it may also be expect_proxy: a
	// PROXY header comes first, as with accept_proxy, and the next rule is tried. It is HAProxy's
	// expect-proxy layer4, and needs a condition.
	//
	// The others are about entries of stick tables, and continue with the next rule, too: track makes
	// a counter of the connection track an entry, for as long as the connection lasts; sc_inc_gpc0,
	// sc_inc_gpc1, sc_inc_gpc and sc_add_gpc increase general counters of the entry that a counter
	// tracks, and sc_set_gpt0 and sc_set_gpt set tags of it.
	Action string `json:"action"`

	// Var is the variable that set_var and do_resolve set and unset_var deletes: a scope and a name,
	// such as sess.sni. Variables in the scopes sess, txn and req last as long as the connection, and
	// have placeholders such as {l4.vars.sess.sni}. All connections share those in proc.
	Var string `json:"var,omitempty"`

	// Value is the sample expression that set_var evaluates, such as "req.ssl_sni,lower". If it has no
	// value, the variable is left unchanged: set_var itself does not wait. For set_var_format it is a
	// text with such expressions, such as "%[src]:%[src_port]"; an expression without a value adds
	// nothing. For set_priority_class it is the class of the connection while it is queued, from -2047
	// to 2047: lower ones are served first. For set_priority_offset it is a number of milliseconds,
	// from -524287 to 524287: within its class, the connection is served as if it had come that much
	// later. Both are a number or an expression; what exceeds the limits is cut to them.
	// For set_log_level it is the severity of the connection's line in the log: emerg, alert, crit,
	// err, warning, notice, info or debug; or silent: the connection is not logged.
	// For set_dst and set_dst_port it is an expression with the address, or the port, that the
	// connection has as its destination from then on: in the log, in PROXY headers, and for servers
	// such as *:443, which stand for the destination. For do_resolve it is an expression with the host
	// name whose address the variable gets; without an address, the variable is left unchanged.
	// For sc_add_gpc, sc_set_gpt0 and sc_set_gpt it is a number or an expression as well.
	Value string `json:"value,omitempty"`

	// Resolvers is the name of the resolvers that do_resolve asks, as in the option resolvers of the
	// app passthrough. Default: the system's.
	Resolvers string `json:"resolvers,omitempty"`

	// Prefer is the family of the address that do_resolve finds if the name has addresses of both:
	// ipv4 or ipv6. Default: that which the system has a route for.
	Prefer string `json:"prefer,omitempty"`

	// Counter is the number of the counter that the rule is about. Connections have three, unless
	// stick_counters of the app passthrough says otherwise.
	Counter int `json:"counter,omitempty"`

	// Key is the sample expression whose value is the key of the entry to track, such as src. The
	// first rule of a counter whose key has a value decides.
	Key string `json:"key,omitempty"`

	// Table is the stick table of the entry to track. Default: that of the name of the frontend, or
	// the backend, that has the rule.
	Table string `json:"table,omitempty"`

	// Index is the number of a general counter or a tag in an array, for sc_inc_gpc, sc_add_gpc and
	// sc_set_gpt.
	Index int `json:"index,omitempty"`

	// MatcherSetsRaw holds sets of layer4 matchers. The rule applies if all matchers of one set match.
	// Without match and unless it always applies.
	MatcherSetsRaw []caddy.ModuleMap `json:"match,omitempty" caddy:"namespace=layer4.matchers"`

	// UnlessRaw is the opposite of match, and excludes it: the rule applies unless one of the sets
	// matches.
	UnlessRaw []caddy.ModuleMap `json:"unless,omitempty" caddy:"namespace=layer4.matchers"`

	// Origin is the source of a rule translated from another format, with file and line:
	// "haproxy.cfg:17: tcp-request content reject". It is only used in the log.
	Origin string `json:"origin,omitempty"`

	number    int           // in its list, from 1
	delay     time.Duration // of its list
	action    Action
	value     *sample.Expression // of set_var; the key of track; the number of others
	format    *sample.Format     // of set_var_format
	condition Condition
}

// Called returns the rule's name in the log: its origin, or one made of its kind, number and
// action, such as "content rule 2: reject".
func (r *Rule) Called(kind string) string {
	if r.Origin != "" {
		return r.Origin
	}
	return fmt.Sprintf("%s rule %d: %s", kind, r.number, r.Action)
}

// Number returns the rule's position in its list, from 1.
func (r *Rule) Number() int { return r.number }

func (r *Rule) provision(ctx caddy.Context, loader *sample.Loader) (err error) {
	if err := r.validate(); err != nil {
		return err
	}
	r.action = actions[r.Action]
	if r.value, r.format, err = r.compile(r.action, loader); err != nil {
		return err
	}
	r.condition, err = LoadCondition(ctx, r, r.MatcherSetsRaw, r.UnlessRaw)
	return err
}

// compile compiles the value or the key of actions that have one.
func (r *Rule) compile(action Action, loader *sample.Loader) (value *sample.Expression, format *sample.Format, err error) {
	switch action {
	case setVar, doResolve:
		value, err = loader.Expression(r.Value)
	case setDst, setDstPort:
		value, err = compileDestination(loader, action, r.Value)
	case setVarFormat:
		format, err = loader.Format(r.Value)
	case setPriorityClass, setPriorityOffset:
		value, err = CompilePriority(loader, r.Action, r.Value)
	default:
		if action.isTracking() {
			value, err = r.compileTracking(action, loader)
			return value, nil, err
		}
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", strings.TrimSpace(r.Action+" "+r.Var), err)
	}
	return value, format, nil
}

// NeedsRequest reports whether the rule depends on bytes from the client. It must be called after
// Config.Provision.
func (r *Rule) NeedsRequest() bool {
	return r.condition.NeedsRequest() || r.value != nil && r.value.NeedsRequest() || r.format != nil && r.format.NeedsRequest()
}

// Questions returns the rule's questions about the process; see sample.Expression.
func (r *Rule) Questions() []sample.Question {
	all := r.condition.Questions()
	if r.action == track {
		all = append(all, sample.Question{Fetch: r.Action, About: sample.ObjectTable, Proxy: r.Table})
	}
	if value := r.action.entryValue(r.Index); value.Is {
		all = append(all, sample.Question{Fetch: r.Action, About: sample.ObjectEntry, Counter: r.Counter, Value: value})
	}
	if r.value != nil {
		all = append(all, r.value.Questions()...)
	}
	if r.format != nil {
		all = append(all, r.format.Questions()...)
	}
	return all
}

// apply performs the action, and reports whether it ends the inspection, or waits for more bytes.
func (r *Rule) apply(v *View) (ends, waits bool) {
	switch r.action {
	case setVar:
		// Evaluated as if the input were final: otherwise no variable could be set before a rule that
		// waits. It is set again when more bytes have come.
		in := v.Input
		in.Final = true
		if value, verdict := r.value.Eval(&in); verdict == sample.Pass {
			v.SetVar(r.Var, value)
		}
	case setVarFormat:
		v.SetVar(r.Var, sample.Text(r.format.String(&v.Input)))
	case unsetVar:
		v.SetVar(r.Var, sample.Value{})
	case expectProxy:
		v.ExpectProxy = true
	case setPriorityClass, setPriorityOffset:
		r.setPriority(v)
	case setDst, setDstPort:
		r.setDestination(v)
	case doResolve:
		return false, r.resolve(v)
	case setLogLevel:
		v.LogLevel = r.Value
	case track:
		return false, r.trackEntry(v)
	default:
		if !r.action.isTracking() {
			return true, false
		}
		r.count(v)
	}
	return false, false
}
