
2
xPlaceholder*
dtype0*
shape
:

aRelux*
T0

ySubaa*
T0"¿