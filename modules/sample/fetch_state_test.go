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
		"nbsrv(b)":           {"nbsrv", ObjectBackend, "b", ""},
		"nbsrv":              {"nbsrv", ObjectBackend, "", ""},
		"queue()":            {"queue", ObjectBackend, "", ""},
		"fe_conn(f)":         {"fe_conn", ObjectFrontend, "f", ""},
		"srv_is_up(b/s)":     {"srv_is_up", ObjectServer, "b", "s"},
		"srv_is_up(s)":       {"srv_is_up", ObjectServer, "", "s"},
		"srv_conn(b/s/t)":    {"srv_conn", ObjectServer, "b", "s/t"},
		"act_conn":           {"act_conn", ObjectConnection, "", ""},
		"be_name":            {"be_name", ObjectConnection, "", ""},
		"str(b),nbsrv":       {"nbsrv", ObjectBackend, "b", ""},
		"str(b/s),srv_queue": {"srv_queue", ObjectServer, "b", "s"},
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
	nbsrv := Question{"nbsrv", ObjectBackend, "b", ""}
	if !slices.Equal(acl.Questions(), []Question{nbsrv}) || acl.Needs() != 0 || f.Needs() != NeedsBackend ||
		!slices.Equal(f.Questions(), []Question{nbsrv, {Fetch: "be_name"}}) {
		t.Errorf("%v, %v", acl.Questions(), f.Questions())
	}
}
