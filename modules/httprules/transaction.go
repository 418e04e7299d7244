// SPDX-License-Identifier: Apache-2.0

package httprules

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend"
	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// Transaction is a request with its response, as rules see them: with the variables that they have
// set, and the rules for the response. It belongs to the goroutine of the request.
type Transaction struct {
	request   *http.Request
	http      sample.HTTP
	input     sample.Input
	section   string // of the rules that run
	variables map[string]sample.Value
	responses []ruleSet // to be applied to the server's response
	priority  rules.Priority
}

// ruleSet holds the rules of a section.
type ruleSet struct {
	name  string
	rules []*Rule
}

const transactionVar = "passthrough.transaction"

// PriorityOf returns the priority that rules have set for a request.
func PriorityOf(r *http.Request) (p rules.Priority) {
	if t := existing(r); t != nil {
		return t.priority
	}
	return p
}

// existing returns the transaction of a request, or nil if it has none yet.
func existing(r *http.Request) *Transaction {
	if _, ok := r.Context().Value(caddyhttp.VarsCtxKey).(map[string]any); !ok {
		return nil
	}
	t, _ := caddyhttp.GetVar(r.Context(), transactionVar).(*Transaction)
	return t
}

// Of returns the transaction of a request.
func Of(r *http.Request) *Transaction {
	if t := existing(r); t != nil {
		return t
	}
	t := &Transaction{request: r}
	t.http.Request = r
	t.input = sample.Input{Final: true, HTTP: &t.http, Var: t.variable, State: state{t}}
	t.input.Source, _ = netip.ParseAddrPort(r.RemoteAddr)
	if own, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr); ok {
		t.input.Destination = own.AddrPort()
	}
	if _, ok := r.Context().Value(caddyhttp.VarsCtxKey).(map[string]any); ok {
		caddyhttp.SetVar(r.Context(), transactionVar, t)
	}
	return t
}

// Input returns the input of expressions over the request.
func (t *Transaction) Input() sample.Input { return t.input }

// Sample evaluates an expression.
func (t *Transaction) Sample(e *sample.Expression) (sample.Value, bool) {
	v, verdict := e.Eval(&t.input)
	return v, verdict == sample.Pass
}

func (t *Transaction) variable(name string) (sample.Value, bool) {
	v, ok := t.variables[name]
	return v, ok
}

func (t *Transaction) setVariable(name string, v sample.Value) {
	if t.variables == nil {
		t.variables = make(map[string]sample.Value)
	}
	t.variables[name] = v.Clone()
}

// run applies rules until one answers, denies or ends them.
func (t *Transaction) run(s ruleSet) (*answer, error) {
	t.section = s.name
	for _, r := range s.rules {
		if r.If != nil && !r.If.Match(&t.input) {
			continue
		}
		a, end, err := actions[r.Action].do(t, r)
		if a != nil || end || err != nil {
			return a, err
		}
	}
	return nil, nil //nolint:nilnil // no answer is not an error
}

// Respond applies the rules for responses to a server's response.
func (t *Transaction) Respond(response *http.Response) error {
	t.http.Status, t.http.Header = response.StatusCode, response.Header
	for _, s := range slices.Backward(t.responses) {
		a, err := t.run(s)
		if err != nil {
			return err
		}
		if a != nil {
			a.replace(response)
			return nil
		}
	}
	response.StatusCode = t.http.Status
	if text := http.StatusText(t.http.Status); text != "" && !strings.HasPrefix(response.Status, http.StatusText(response.StatusCode)) {
		response.Status = text
	}
	return nil
}

// state answers questions with the section whose rules run.
type state struct{ *Transaction }

// Answer implements sample.State.
func (s state) Answer(q sample.Question) (sample.Value, bool) {
	switch q.Fetch {
	case "prio_class":
		return sample.Integer(int64(s.priority.Class)), true
	case "prio_offset":
		return sample.Integer(int64(s.priority.Offset)), true
	}
	return frontend.AppState{Section: s.section}.Answer(q)
}

// write writes a response of the proxy itself.
func (t *Transaction) write(w http.ResponseWriter, a *answer) {
	h := w.Header()
	for name, values := range a.header {
		h[name] = append(h[name], values...)
	}
	w.WriteHeader(a.status)
	if t.request.Method != http.MethodHead {
		_, _ = w.Write(a.body) //nolint:gosec // what the configuration says; that the client has gone does not matter
	}
}

// serve lets a handler answer in place of a server: the rules for responses apply to the response.
func (t *Transaction) serve(w http.ResponseWriter, r *http.Request, service caddyhttp.MiddlewareHandler, next caddyhttp.Handler) error {
	for _, s := range t.responses {
		w = &afterWriter{ResponseWriterWrapper: &caddyhttp.ResponseWriterWrapper{ResponseWriter: w}, transaction: t, section: s}
	}
	return service.ServeHTTP(w, r, next)
}

// afterWriter applies rules to a response just before it is sent.
type afterWriter struct {
	*caddyhttp.ResponseWriterWrapper
	transaction *Transaction
	section     ruleSet
	sent        bool
}

// WriteHeader applies the rules.
func (w *afterWriter) WriteHeader(status int) {
	if w.sent || status >= 100 && status < 200 && status != http.StatusSwitchingProtocols {
		w.ResponseWriterWrapper.WriteHeader(status)
		return
	}
	w.sent = true
	t := w.transaction
	t.http.Status, t.http.Header = status, w.Header()
	_, _ = t.run(w.section) // these rules cannot answer
	w.ResponseWriterWrapper.WriteHeader(t.http.Status)
}

// Write sends the headers first.
func (w *afterWriter) Write(b []byte) (int, error) {
	if !w.sent {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriterWrapper.Write(b)
}

// FlushError sends the headers first, and flushes.
func (w *afterWriter) FlushError() error {
	if !w.sent {
		w.WriteHeader(http.StatusOK)
	}
	return http.NewResponseController(w.ResponseWriter).Flush()
}
