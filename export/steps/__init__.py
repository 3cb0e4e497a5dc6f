"""The steps of a run, one file each, in the order in which the data flow.

`sites → sample → train → export → predict → mosaic → compare → report`. A step takes a
`Context`, does nothing where its inputs have not changed, and says what it did.
"""
