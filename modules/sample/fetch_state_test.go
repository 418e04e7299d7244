// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"slices"
	"testing"
)

// echo is a State that answers with what it is asked for.
type echo struct{ asked []Question }

func (e *echo) Answer(q Question) (Value, bool) {
	e.asked = append(e.asked, q)
	return Number(7), true
}

func TestQuestions(t *testing.T) {
	for text, want := range map[string]Question{
		"nbsrv(b)":           {"nbsrv", ABackend, "b", ""},
		"nbsrv":              {"nbsrv", ABackend, "", ""},
		"queue()":            {"queue", ABackend, "", ""},
		"fe_conn(f)":         {"fe_conn", AFrontend, "f", ""},
		"srv_is_up(b/s)":     {"srv_is_up", AServer, "b", "s"},
		"srv_is_up(s)":       {"srv_is_up", AServer, "", "s"},
		"srv_conn(b/s/t)":    {"srv_conn", AServer, "b", "s/t"},
		"act_conn":           {"act_conn", TheConnection, "", ""},
		"be_name":            {"be_name", TheConnection, "", ""},
		"str(b),nbsrv":       {"nbsrv", ABackend, "b", ""},
		"str(b/s),srv_queue": {"srv_queue", AServer, "b", "s"},
	} {
		e := mustExpression(t, new(Loader), text)
		state := new(echo)
		for range 2 { // each time anew
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
	nbsrv := Question{"nbsrv", ABackend, "b", ""}
	if !slices.Equal(acl.Questions(), []Question{nbsrv}) || acl.Needs() != 0 || f.Needs() != NeedsBackend ||
		!slices.Equal(f.Questions(), []Question{nbsrv, {Fetch: "be_name"}}) {
		t.Errorf("%v, %v", acl.Questions(), f.Questions())
	}
}
