
2
xPlaceholder*
dtype0*
shape
:

rRelux*
T0

yIdentityr*
T0"¿