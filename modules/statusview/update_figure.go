// SPDX-License-Identifier: Apache-2.0

package statusview

import "slices"

// sameShape reports whether two figures have the same boxes and lines at the same places.
func (f *Figure) sameShape(g *Figure) bool {
	return f.ID == g.ID && f.Width == g.Width && f.Height == g.Height &&
		slices.EqualFunc(f.Boxes, g.Boxes, func(a, b Box) bool {
			return a.ID == b.ID && a.X == b.X && a.Y == b.Y && a.Width == b.Width && a.Height == b.Height
		}) &&
		slices.EqualFunc(f.Lines, g.Lines, func(a, b Connector) bool { return a.ID == b.ID && a.Path == b.Path })
}

// figureChanges returns the changes of a figure of the same shape; from is nil for a new one.
func figureChanges(from, to *Figure) (u FigureUpdate) {
	for i, b := range to.Boxes {
		if from == nil || from.Boxes[i] != b {
			put(&u.Boxes, b.ID, BoxUpdate{b.Class, b.Text, b.Note, b.Title})
		}
	}
	for i, l := range to.Lines {
		if from == nil || from.Lines[i] != l {
			put(&u.Lines, l.ID, LineUpdate{l.Class, l.Weight, l.Title})
		}
	}
	return u
}
