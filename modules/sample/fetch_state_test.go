// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"slices"
	"testing"
)

// echo is a State that answers any query and records it.
type echo struct{ asked []Question }

func (e *echo) Answer(q Question) (Value, bool) {
	e.asked = append(e.asked, q)
	return Integer(7), true
}

func TestQuestions(t *testing.T) {
	for text, want := range map[string]Question{
		"nbsrv(b)":           {Fetch: "nbsrv", About: ObjectBackend, Proxy: "b", Server: ""},
		"nbsrv":              {Fetch: "nbsrv", About: ObjectBackend, Proxy: "", Server: ""},
		"queue()":            {Fetch: "queue", About: ObjectBackend, Proxy: "", Server: ""},
		"fe_conn(f)":         {Fetch: "fe_conn", About: ObjectFrontend, Proxy: "f", Server: ""},
		"srv_is_up(b/s)":     {Fetch: "srv_is_up", About: ObjectServer, Proxy: "b", Server: "s"},
		"srv_is_up(s)":       {Fetch: "srv_is_up", About: ObjectServer, Proxy: "", Server: "s"},
		"srv_conn(b/s/t)":    {Fetch: "srv_conn", About: ObjectServer, Proxy: "b", Server: "s/t"},
		"act_conn":           {Fetch: "act_conn", About: ObjectConnection, Proxy: "", Server: ""},
		"be_name":            {Fetch: "be_name", About: ObjectConnection, Proxy: "", Server: ""},
		"str(b),nbsrv":       {Fetch: "nbsrv", About: ObjectBackend, Proxy: "b", Server: ""},
		"str(b/s),srv_queue": {Fetch: "srv_queue", About: ObjectServer, Proxy: "b", Server: "s"},
	} {
		e := mustExpression(t, new(Loader), text)
		state := new(echo)
		for range 2 { // each evaluation queries the State again
			if v, verdict := e.Eval(&Input{State: state}); verdict != Pass || v.Int() != 7 {
				t.Errorf("%s: %v, %v", text, v, verdict)
			}
		}
		if !slices.Equal(state.asked, []Question{want, want}) {
			t.Errorf("%s asks %+v", text, state.asked)
		}
		if _, verdict := e.Eval(new(Input)); verdict != Fail {
			t.Errorf("%s without a state: %v", text, verdict)
		}
	}
	acl := mustLoad(t, []string{"nbsrv(b)", "lt", "1"})
	f, err := new(Loader).Format("a%[nbsrv(b)]%[be_name]")
	if err != nil {
		t.Fatal(err)
	}
	nbsrv := Question{Fetch: "nbsrv", About: ObjectBackend, Proxy: "b", Server: ""}
	if !slices.Equal(acl.Questions(), []Question{nbsrv}) || acl.Needs() != 0 || f.Needs() != NeedsBackend ||
		!slices.Equal(f.Questions(), []Question{nbsrv, {Fetch: "be_name"}}) {
		t.Errorf("%v, %v", acl.Questions(), f.Questions())
	}
}
