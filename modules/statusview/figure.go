// SPDX-License-Identifier: Apache-2.0

package statusview

// Figure is a picture of boxes with lines between them.
type Figure struct {
	ID, Title string
	// Description says in words what the figure shows.
	Description   string
	Width, Height int
	Boxes         []Box
	Lines         []Connector
}

// Box is a rectangle with text. IDs are unique in the figure.
type Box struct {
	ID                  string
	X, Y, Width, Height int
	// Class is one of the classes of cells.
	Class string
	// Text is the name in it, Note a second line, Title the text for a pointer that rests on it.
	Text, Note, Title string
	Href              string
}

// Connector is a line between two boxes. Weight is its strength, from 0 to 5.
type Connector struct {
	ID, Path, Class string
	Weight          int
	Title           string
}
