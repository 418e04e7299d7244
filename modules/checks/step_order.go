// SPDX-License-Identifier: Apache-2.0

package checks

// numberSteps numbers the steps and passes comments on to the steps that inherit them.
func numberSteps(steps []*Step) {
	comment, kind := "", ""
	for i, s := range steps {
		s.number, s.shownComment = i+1, s.Comment
		switch {
		case s.isCommentOnly():
			comment, kind = s.Comment, ""
			continue
		case s.Set != nil || s.Unset != "":
			comment = ""
			continue
		}
		now := "send"
		if s.Expect != nil {
			now = "expect"
		}
		if kind != "" && kind != now {
			comment = ""
		}
		if s.shownComment == "" {
			s.shownComment = comment
		}
		if kind = now; s.Connect != nil {
			comment = ""
		}
	}
}

// setRetryFrom sets where the evaluation of an expect that waits for more data restarts: at the
// first negated expect of its row, as in HAProxy. A row ends at a step that sends or connects, not
// at one that sets a variable.
func setRetryFrom(steps []*Step) {
	first := -1
	for i, s := range steps {
		s.retryFrom = i
		switch {
		case s.isLocal():
		case s.Expect == nil:
			first = -1
		default:
			if first >= 0 {
				s.retryFrom = first
			}
			if first < 0 && s.Expect.Not {
				first = i
			}
		}
	}
}
